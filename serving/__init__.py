"""Starts, supervises and reloads the Triton server and the gateway: `python -m serving`."""
