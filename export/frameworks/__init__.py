"""One module per framework; each has `load(model, trust)`, which turns a checkpoint into a `Source`."""
