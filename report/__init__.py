"""The impact report of a scored dataset: one HTML file that loads nothing, and the same tables as CSV.

dataset       a run: views on its Parquet parts in DuckDB, and the cards of its models
overview      photos, errors, models
classification, detection, caption, embedding
              what is in the photos, one file per task
persons       attributes per person
outcome       a number per photo with and without each attribute; comparison has the arithmetic
baseline      another run: drift of each output, and predictions that changed
statistics    intervals, tests and distances
section, table, plots, thumbnails, page
              what the page is made of, and the page
"""
