"""Bulk scoring: every photo of a folder, a table or an object store through `analyze`, into a Parquet dataset."""
