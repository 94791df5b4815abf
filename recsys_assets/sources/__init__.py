"""Input files become rows of `raw.*`: land, read, validate, quarantine. Pure Python and DuckDB; no Dagster."""
