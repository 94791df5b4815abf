"""Reading an input file of any format."""

import duckdb

from recsys_assets.sources.csv_reader import read_csv, read_header
from recsys_assets.sources.formats import Format, InputFile, open_bytes
from recsys_assets.sources.incoming import Incoming
from recsys_assets.sources.jsonl_reader import check_jsonl, read_jsonl
from recsys_assets.sources.parquet_reader import check_parquet, read_parquet

_CHUNK_BYTES = 1 << 20


def check_file(file: InputFile) -> None:
    """Find every fault for which a whole file is refused; faults of single rows are validation's.

    Raises:
        RecsysError: one sentence that names the file and what is wrong with it.
    """
    if file.is_gzipped:
        with open_bytes(file) as stream:
            while stream.read(_CHUNK_BYTES):
                pass
    match file.format:
        case Format.CSV:
            read_header(file)
        case Format.JSONL:
            check_jsonl(file)
        case Format.PARQUET:
            check_parquet(file)


def read_file(connection: duckdb.DuckDBPyConnection, file: InputFile) -> Incoming:
    """The rows of a file as they are, to be validated in the same connection before the next file is read.

    Raises:
        RecsysError: see `check_file`.
    """
    match file.format:
        case Format.CSV:
            return read_csv(connection, file)
        case Format.JSONL:
            return read_jsonl(connection, file)
        case Format.PARQUET:
            return read_parquet(connection, file)
