"""`model_evaluation_results/<model>/metrics.json`: the rows of `model_report`, one file a model."""

import json
from pathlib import Path
from typing import Any

import duckdb

RESULTS_FOLDER = "model_evaluation_results"
METRICS_FILE = "metrics.json"


def write_metrics(connection: duckdb.DuckDBPyConnection, table: str, folder: Path) -> None:
    """Write every model of `table` (`evaluation.model_report`) into `folder` / RESULTS_FOLDER.

    A file holds `model` and `metrics`: one object per row of the table, in the order of metric, k and cutoff, its
    numbers the table's to the last digit; null where there is no interval.
    """
    result = connection.execute(f"SELECT * FROM {table} ORDER BY model, metric, k, cutoff")
    columns = [column[0] for column in result.description or ()]
    by_model: dict[str, list[dict[str, Any]]] = {}
    for row in result.fetchall():
        fields = dict(zip(columns, row, strict=True))
        by_model.setdefault(fields.pop("model"), []).append(fields)
    for model, metrics in by_model.items():
        own = folder / RESULTS_FOLDER / model
        own.mkdir(parents=True)
        (own / METRICS_FILE).write_text(json.dumps({"model": model, "metrics": metrics}, indent=2) + "\n", "utf-8")
