"""The impact report of a scored dataset: one HTML file that loads nothing, and the same tables as CSV."""
