"""The impact report of a scored dataset: one HTML file that loads nothing, and the same tables as CSV.

dataset         a run: views on its Parquet parts in DuckDB, and the models that its metadata describes
overview        photos, errors, models
classification, detection, caption, embedding
                one file per task: what is in the photos, and how far it drifted from another run
persons         attributes per person
outcome         a number per photo with and without each attribute; comparison has the arithmetic of two groups
changes         what two runs say of the same photos
statistics      intervals, tests and distances
section, table, plots, thumbnails, page
                what the page is made of, and the page
"""
