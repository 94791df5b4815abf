"""`evaluation.feature_drift`: how far every feature of the ranker has moved since it learnt.

A build keeps the profile of the last labelled cutoff, as the ranker sees it there; each build and each refresh holds
live against it. Like is compared with like: on both sides all candidates and no sample of them, of users with enough
history to be learnt from.

Some features move by nature: an item is older at every cutoff. So the build also keeps how far each moved from the
labelled cutoff before to the last one, and what counts is drift beyond that, for as long as it is since. It also keeps
how live looked to itself: what had moved by then, another build would find again.
"""

from typing import Final

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys_assets.candidates.history import read_roles
from recsys_assets.config import Config
from recsys_assets.evaluation.inputs import read_split
from recsys_assets.evaluation.stability import Profile, build_profile, count_into, population_stability_index
from recsys_assets.ranking.frame import build_ranking_frame
from recsys_assets.schema import LIVE_CUTOFF
from recsys_assets.settings import GatesConfig
from recsys_assets.warehouse import count_rows, read_frame

MAX_ROWS: Final = 300_000  # of a cutoff: then whole users are left out, by a hash
PROFILE_SCHEMA: Final = {
    "feature": pl.String,
    "bin": pl.Int32,  # from 0; the last of a feature holds the rows without a value
    "highest": pl.Float64,  # of the bin; NULL for the last one with values, and for the one without
    "n_rows": pl.Int64,
    "n_rows_before": pl.Int64,  # at the labelled cutoff before; 0 everywhere if there is none
    "n_rows_live": pl.Int64,  # of live, as the build found it
}
DRIFT_SCHEMA: Final = {
    "feature": pl.String,
    "psi": pl.Float64,
    "psi_usual": pl.Float64,  # as between the last two labelled cutoffs, over the time since
    "psi_at_build": pl.Float64,  # of live as the build found it
    "n_training": pl.Int64,
    "n_live": pl.Int64,
    "null_share_training": pl.Float64,
    "null_share_live": pl.Float64,
}


def build_feature_profile(connection: duckdb.DuckDBPyConnection, config: Config) -> pl.DataFrame:
    """One row per feature and bin at the last labelled cutoff; empty where there is none, or nobody to learn from.

    Of a leave-last split it is live, as the build found it: the labelled cutoffs there hide the end of every user's
    history, and are no time that live could move on from.
    """
    labelled = [name for role, names in read_roles(connection).items() if role != "live" for name in names]
    if labelled and read_split(connection) == "leave_last":
        labelled.append(LIVE_CUTOFF)
    columns = _read_features(connection, config, labelled[-1]) if labelled else {}
    columns_before = _read_features(connection, config, labelled[-2]) if len(labelled) > 1 else {}
    columns_live = _read_features(connection, config, LIVE_CUTOFF) if labelled else {}
    rows: list[tuple[str, int, float | None, int, int, int]] = []
    for feature, values in columns.items():
        profile = build_profile(values)
        before, live = (
            count_into(profile.edges, other.get(feature, np.empty(0))) for other in (columns_before, columns_live)
        )
        highest = [*profile.edges.tolist(), None, None]
        counts = zip(profile.counts.tolist(), before.counts.tolist(), live.counts.tolist(), strict=True)
        rows += [(feature, place, highest[place], *counted) for place, counted in enumerate(counts)]
    return pl.DataFrame(rows, PROFILE_SCHEMA, orient="row")


def read_feature_profile(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The profile that the last build kept; empty where no build has kept one with these columns yet."""
    try:
        return read_frame(
            connection, f"SELECT {', '.join(PROFILE_SCHEMA)} FROM evaluation.feature_profile ORDER BY feature, bin"
        )
    except (duckdb.CatalogException, duckdb.BinderException):
        return pl.DataFrame(schema=PROFILE_SCHEMA)


def build_feature_drift(connection: duckdb.DuckDBPyConnection, config: Config, profile: pl.DataFrame) -> pl.DataFrame:
    """One row per feature of a profile, those that moved most first."""
    live = _read_features(connection, config, LIVE_CUTOFF) if len(profile) else {}
    longer = _read_times_longer(connection)
    drift = []
    for (feature,), bins in profile.group_by("feature", maintain_order=True):
        edges = bins["highest"].drop_nulls().to_numpy()
        earlier = Profile(edges, bins["n_rows"].to_numpy())
        later = count_into(edges, live.get(str(feature), np.empty(0)))
        psi = population_stability_index(earlier, later)
        usual = population_stability_index(Profile(edges, bins["n_rows_before"].to_numpy()), earlier)
        usual *= longer**2  # as the index of an even shift, in small shifts
        at_build = population_stability_index(earlier, Profile(edges, bins["n_rows_live"].to_numpy()))
        drift.append(
            (feature, psi, usual, at_build, earlier.n_rows, later.n_rows, earlier.null_share, later.null_share)
        )
    return pl.DataFrame(drift, DRIFT_SCHEMA, orient="row").sort("psi", "feature", descending=[True, False])


def moved_features(drift: pl.DataFrame, gates: GatesConfig) -> pl.DataFrame:
    """The rows of the features that moved beyond what is usual, most first."""
    usual = gates.max_psi_ratio * pl.col("psi_usual")
    return drift.filter(pl.col("psi") > pl.max_horizontal(pl.lit(gates.max_feature_psi), usual))


def find_drifted(drift: pl.DataFrame, gates: GatesConfig) -> str | None:
    """One sentence on the features that moved beyond what is usual, most first; None if there is none."""
    beyond = moved_features(drift, gates)
    if beyond.is_empty():
        return None
    most = ", ".join(f"{feature} ({psi:.2f})" for feature, psi in beyond.head(5).select("feature", "psi").iter_rows())
    return (
        f"{len(beyond)} of {len(drift)} features have moved by more than {gates.max_feature_psi:g}, and than is usual "
        f"for them, since the ranker learnt: {most}; if the data are right, `recsys build` lets it learn anew"
    )


def _read_times_longer(connection: duckdb.DuckDBPyConnection) -> float:
    """The time from the last labelled cutoff to live, by that between the last two labelled ones; at least 1.

    1 of a leave-last split too, whose cutoffs are no times.
    """
    rows = connection.execute(
        "SELECT as_of FROM intermediate.int_cutoffs WHERE split = 'temporal' ORDER BY cutoff_number DESC LIMIT 3"
    ).fetchall()
    if len(rows) < 3 or rows[1] == rows[2]:
        return 1.0
    ((live,), (last,), (before,)) = rows
    return max(1.0, float((live - last) / (last - before)))


def _read_features(
    connection: duckdb.DuckDBPyConnection, config: Config, cutoff: str
) -> dict[str, NDArray[np.float32]]:
    """Feature -> its values over the candidates of a cutoff."""
    n_rows = count_rows(connection, f"candidates.merged WHERE cutoff = '{cutoff}'")
    rows = read_frame(
        connection,
        """SELECT user_id, item_id FROM candidates.merged
        SEMI JOIN (FROM intermediate.int_user_cutoffs WHERE is_target) AS targets USING (cutoff, user_id)
        WHERE cutoff = $cutoff AND hash(user_id) % $n_parts = 0 ORDER BY ALL""",
        {"cutoff": cutoff, "n_parts": n_rows // MAX_ROWS + 1},
    )
    frame = build_ranking_frame(connection, config, cutoff, rows=rows)
    return {name: frame.features[:, place] for place, name in enumerate(frame.feature_names)}
