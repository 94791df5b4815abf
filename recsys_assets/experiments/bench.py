"""What an experiment trains on and is judged by: the stored frames of a finished build."""

import hashlib
import json
from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsys_assets.candidates.history import read_roles
from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.evaluation.metrics import per_user_metrics, relevant_items
from recsys_assets.evaluation.model_lists import read_labels
from recsys_assets.ranking.frame import RankingFrame, build_ranking_frame
from recsys_assets.ranking.ranker import Ranker
from recsys_assets.ranking.rankers import MIN_TRAINING_USERS, rank_candidates
from recsys_assets.ranking.training_frame import read_training_frame

K = 10


@dataclass(frozen=True)
class Bench:
    """Frames of one build.

    Attributes:
        rows: what a ranker learns from: the sampled rows of the training cutoffs.
        validation: all candidates of the validation cutoff.
        labels: `user_id`, `item_id`, `relevance_label` of the validation cutoff, candidates or not.
        list_length: how many items of a list are judged at most.
    """

    rows: RankingFrame
    validation: RankingFrame
    labels: pl.DataFrame
    list_length: int

    @property
    def user_ids(self) -> list[str]:
        """The users that are judged, sorted: those with a relevant item."""
        return relevant_items(self.labels)["user_id"].unique().sort().to_list()

    def judge(self, ranker: Ranker) -> NDArray[np.float64]:
        """NDCG@10 of each of `user_ids`, as the gate measures it.

        A user without candidates has 0, and relevant items that are no candidates count in the ideal.
        """
        lists = rank_candidates(ranker, self.validation, self.list_length)
        return per_user_metrics(lists, self.labels, K)["ndcg"].to_numpy()

    def fingerprint(self, config: Config) -> str:
        """12 hex digits that change with the data, the features, and what the ranker is trained with."""
        digest = hashlib.sha256()
        for frame in (self.rows, self.validation):
            digest.update("\n".join(frame.feature_names).encode())
            digest.update(frame.features.tobytes() + frame.group.tobytes())
            digest.update(frame.keys.write_csv().encode())
        digest.update(self.labels.write_csv().encode())
        settings = [config.seed, self.list_length, config.ranking.model_dump()]
        digest.update(json.dumps(settings, sort_keys=True).encode())
        return digest.hexdigest()[:12]


def read_bench(connection: duckdb.DuckDBPyConnection, config: Config) -> Bench:
    """Read the frames of the last build.

    Raises:
        RecsysError: there is no training frame yet, it was made with other sources, or it holds too little.
    """
    try:
        roles = read_roles(connection)
        rows = read_training_frame(connection, roles.get("training", []))
    except duckdb.CatalogException:
        raise RecsysError("There is no training frame in the warehouse yet: run `recsys build` first.") from None
    validation = next(iter(roles.get("validation", [])), None)
    labels = read_labels(connection, validation or "")
    if validation is None or len(rows.group) < MIN_TRAINING_USERS or relevant_items(labels).is_empty():
        raise RecsysError(
            f"There is too little to learn from: {len(rows.group)} users have labels at the training cutoffs, "
            f"{MIN_TRAINING_USERS} are needed, and some at the validation cutoff."
        )
    sources = {name.removeprefix("rank_") for name in rows.feature_names if name.startswith("rank_")}
    if sources != set(config.candidates.sources):
        raise RecsysError("The warehouse was built with other candidates.sources: run `recsys build` first.")
    frame = build_ranking_frame(connection, config, validation)
    return Bench(rows, frame, labels, config.rerank.list_length)
