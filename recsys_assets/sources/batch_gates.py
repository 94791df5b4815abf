"""Gates for new files: each batch held against those of its table before it.

The batches before count from the last accepted one on: who accepts a batch says that it is so from now on. What is
usual is their median, so that one odd batch among them decides nothing. An accepted batch itself is not judged.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from recsys_assets.config import Config
from recsys_assets.settings import GatesConfig
from recsys_assets.sources.batches import Batch


@dataclass(frozen=True)
class Finding:
    """What is wrong with a batch.

    Attributes:
        batch: its name.
        table: its table.
        files: its files' names.
        expected: from the batches before.
        found: in this one.
    """

    batch: str
    table: str
    files: tuple[str, ...]
    expected: str
    found: str

    @property
    def sentence(self) -> str:
        """What a person must know, and what to do, in one sentence."""
        files = self.files[0] if len(self.files) == 1 else f"{self.files[0]} and {len(self.files) - 1} more"
        return (
            f"batch {self.batch} ({self.table}: {files}) has {self.found}, where {self.expected}; take it out with "
            f"`recsys unload {self.batch}`, or keep it as it is with `recsys accept {self.batch}`"
        )


def judge_batches(batches: Sequence[Batch], config: Config) -> dict[str, list[Finding]]:
    """Name of each gate, as in the configuration -> what it finds."""
    return {
        "items_known_as_before": find_strange_items(batches, config.gates),
        "batches_keep_their_columns": find_lost_columns(batches, config.gates),
        "event_types_as_before": find_changed_event_types(batches, config.gates, config.event_types),
        "batch_sizes_as_usual": find_odd_sizes(batches, config.gates),
        "rejected_share_below_limit": find_many_rejected(batches, config.gates),
    }


def find_lost_columns(batches: Sequence[Batch], gates: GatesConfig) -> list[Finding]:
    """Columns without a single value, though so many rows of the batches before would have had some."""

    def judge(batch: Batch, before: Sequence[Batch]) -> Iterator[tuple[str, str]]:
        usual = {
            name: _usual((earlier.filled.get(name, 0), earlier.n_rows) for earlier in before) for name in batch.filled
        }
        lost = [
            name
            for name, n_rows in batch.filled.items()
            if n_rows == 0 and usual[name] * batch.n_rows >= gates.min_expected_rows
        ]
        if lost:
            shares = ", ".join(f"{usual[name]:.0%}" for name in lost)
            yield f"{shares} of the rows before had a value", f"no value in {', '.join(lost)}"

    return _find(batches, judge)


def find_odd_sizes(batches: Sequence[Batch], gates: GatesConfig) -> list[Finding]:
    """Far fewer or more rows than the median, and than any batch before but one, where there are enough of them.

    The median alone would tell of every Sunday: data come unevenly, and what was there before is no news.
    """

    def judge(batch: Batch, before: Sequence[Batch]) -> Iterator[tuple[str, str]]:
        if len(before) < gates.min_batches_for_size:
            return
        sizes = sorted(earlier.n_rows for earlier in before)
        usual = median(sizes)
        larger, smaller = max(batch.n_rows, usual), min(batch.n_rows, usual)
        is_far = larger >= gates.min_rows and larger > gates.max_size_ratio * smaller
        if is_far and not sizes[1] <= batch.n_rows <= sizes[-2]:
            yield f"{usual:,.0f} are usual", f"{batch.n_rows:,} rows"

    return _find(batches, judge)


def find_many_rejected(batches: Sequence[Batch], gates: GatesConfig) -> list[Finding]:
    """More rejected rows than the limit, those aside that repeat an earlier row's id."""

    def judge(batch: Batch, before: Sequence[Batch]) -> Iterator[tuple[str, str]]:
        n_rows = batch.n_rows + batch.n_refused
        if n_rows and batch.n_refused > gates.max_rejected_share * n_rows:
            yield (
                f"at most {gates.max_rejected_share:.0%} should be",
                f"{batch.n_refused:,} of {n_rows:,} rows rejected",
            )

    return _find(batches, judge, also_first=True)


def find_changed_event_types(
    batches: Sequence[Batch], gates: GatesConfig, configured: Collection[str]
) -> list[Finding]:
    """Event types that are gone though they were usual, and new ones that the configuration does not know."""

    def judge(batch: Batch, before: Sequence[Batch]) -> Iterator[tuple[str, str]]:
        earlier_types = {name for earlier in before for name in earlier.event_types}
        for name in sorted(earlier_types - batch.event_types.keys()):
            usual = _usual((earlier.event_types.get(name, 0), earlier.n_rows) for earlier in before)
            if usual * batch.n_rows >= gates.min_expected_rows:
                yield f"{usual:.0%} were before", f"no event of type '{name}'"
        ever = {name for other in batches if other.name < batch.name for name in other.event_types}
        for name in sorted(batch.event_types.keys() - ever - set(configured)):
            n_rows = batch.event_types[name]
            yield (
                "none was before and event_types does not name it, so it counts as `default`",
                (f"{n_rows:,} events of type '{name}'"),
            )

    return _find([batch for batch in batches if batch.table == "events"], judge)


def find_strange_items(batches: Sequence[Batch], gates: GatesConfig) -> list[Finding]:
    """Events on items that the catalogue does not have, though it had those of the batches before."""

    def judge(batch: Batch, before: Sequence[Batch]) -> Iterator[tuple[str, str]]:
        comparable = [earlier for earlier in before if earlier.n_rows >= gates.min_rows]
        if batch.n_known is None or batch.n_rows < gates.min_rows or not comparable:
            return
        usual = _usual((earlier.n_known or 0, earlier.n_rows) for earlier in comparable)
        share = batch.n_known / batch.n_rows
        if share < usual * gates.min_known_items_ratio:
            yield f"{usual:.0%} were before", f"{share:.0%} of its {batch.n_rows:,} events on items of the catalogue"

    return _find(batches, judge)


def _usual(counted: Iterable[tuple[int, int]]) -> float:
    """The median share, from the rows counted and all rows of each batch."""
    return median([n_counted / n_rows for n_counted, n_rows in counted if n_rows] or [0.0])


def _find(
    batches: Sequence[Batch],
    judge: Callable[[Batch, Sequence[Batch]], Iterator[tuple[str, str]]],
    *,
    also_first: bool = False,
) -> list[Finding]:
    """Everything that `judge` says of a batch (what was expected, what was found) given those before it."""
    findings: list[Finding] = []
    before: dict[str, list[Batch]] = {}
    for batch in sorted(batches, key=lambda batch: (batch.table, batch.name)):
        earlier = before.setdefault(batch.table, [])
        if batch.is_accepted:
            earlier.clear()
        elif earlier or also_first:
            findings += [
                Finding(batch.name, batch.table, batch.files, expected, found)
                for expected, found in judge(batch, earlier)
            ]
        earlier.append(batch)
    return findings
