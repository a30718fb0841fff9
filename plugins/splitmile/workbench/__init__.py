"""A file in, an answer out: experiments of which there is a CSV or Parquet file and no pipeline."""
