"""What was landed, as a person reads it in a terminal."""

from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from recsys_assets.serving.console import make_table
from recsys_assets.sources.batch_gates import Finding
from recsys_assets.sources.batches import Batch


def show_batches(batches: Sequence[Batch], judged: Mapping[str, Sequence[Finding]]) -> list[RenderableType]:
    """One line per batch and table, in the order of landing, and a sentence for everything that a gate finds."""
    table = make_table("Batches", ["batch", "table", "files", "accepted", "rejected", ""], ("accepted", "rejected"))
    for batch in sorted(batches, key=lambda batch: batch.name):
        files = batch.files[0] if len(batch.files) == 1 else f"{batch.files[0]} and {len(batch.files) - 1} more"
        note = "accepted by hand" if batch.is_accepted else ""
        table.add_row(batch.name, batch.table, files, f"{batch.n_rows:,}", f"{batch.n_refused:,}", note)
    return [table, *(Text(f"{name}: {found.sentence}.") for name, findings in judged.items() for found in findings)]
