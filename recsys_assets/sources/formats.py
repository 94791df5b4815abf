"""What kind of file a name stands for, how its bytes are opened, and which of its columns the contract knows."""

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from recsys_assets.errors import RecsysError
from recsys_assets.sources.contract import ATTRIBUTES, Table, canonical_name


class Format(Enum):
    """A file format that can be read, by the end of the file's name."""

    CSV = (".csv", ".csv.gz")
    JSONL = (".jsonl", ".jsonl.gz")
    PARQUET = (".parquet",)


SUFFIXES = tuple(suffix for kind in Format for suffix in kind.value)


@dataclass(frozen=True)
class InputFile:
    """A file of a table: where its bytes are, and the name it had, which tells the format and stands in messages."""

    table: Table
    path: Path
    name: str

    @property
    def format(self) -> Format:
        """The format that the name stands for.

        Raises:
            RecsysError: it stands for none.
        """
        for kind in Format:
            if self.name.lower().endswith(kind.value):
                return kind
        raise RecsysError(f"{self.name} is of a kind that cannot be read: save it as one of {', '.join(SUFFIXES)}.")

    @property
    def is_gzipped(self) -> bool:
        """Whether the name says that the bytes are compressed."""
        return self.name.lower().endswith(".gz")


@contextmanager
def open_bytes(file: InputFile) -> Iterator[BinaryIO]:
    """The file's bytes, uncompressed.

    Raises:
        RecsysError: what should be gzip is not, or is cut short or damaged.
    """
    try:
        if not file.is_gzipped:
            with file.path.open("rb") as plain:
                yield plain
            return
        if file.path.stat().st_size == 0:
            raise EOFError
        with gzip.open(file.path, "rb") as unpacked:
            yield cast(BinaryIO, unpacked)
    except EOFError:
        raise RecsysError(f"{file.name} is cut short: copy it again from where it comes from.") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise RecsysError(f"{file.name} is not a sound gzip file ({error}): compress or copy it again.") from None


@contextmanager
def open_text(file: InputFile) -> Iterator[TextIO]:
    """The file's text with its line ends, without a BOM; bytes that are not UTF-8 come as lone surrogates."""
    with (
        open_bytes(file) as stream,
        io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="") as text,
    ):
        yield text


def is_utf8(text: str) -> bool:
    """Whether text that `open_text` gave was UTF-8 in the file."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def readable(text: str) -> str:
    r"""The text with bytes that are not UTF-8 written as `\xff`, so that it can be stored."""
    if is_utf8(text):
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def match_columns(file: InputFile, headers: Sequence[str]) -> dict[str, int]:
    """Where each of the contract's columns is among `headers`; unknown ones are left out.

    Raises:
        RecsysError: a required column is missing, or a name stands twice.
    """
    known = {column.name for column in file.table.columns} | {ATTRIBUTES}
    places: dict[str, int] = {}
    for place, header in enumerate(headers):
        name = canonical_name(header)
        if name in known:
            if name in places:
                raise RecsysError(f"{file.name} has the column {name} twice: rename or remove one of them.")
            places[name] = place
    if missing := [name for name in file.table.required if name not in places]:
        found = ", ".join(header.strip() or "(no name)" for header in headers) or "none"
        noun = "column" if len(missing) == 1 else "columns"
        raise RecsysError(
            f"{file.name} lacks the required {noun} {', '.join(missing)} (it has: {found}): add or rename them."
        )
    return places
