"""RecTools' two stages as its tutorial builds them: candidates of several models, ranked by LightGBM."""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import TFIDFRecommender
from lightgbm import LGBMRanker
from rectools.model_selection import LastNSplitter, TimeRangeSplitter
from rectools.models import EASEModel, ImplicitALSWrapperModel, ImplicitItemKNNWrapperModel, PopularModel
from rectools.models.ranking import (
    CandidateFeatureCollector,
    CandidateGenerator,
    CandidateRankingModel,
    PerUserNegativeSampler,
    Reranker,
)

from benchmarks.interactions import Interactions
from benchmarks.peers import THREADS, RecTools

DAY_SECONDS = 86_400.0
DECAYS = (7, 30, 180)  # half-lives in days of an item's decayed counts


class Counts(CandidateFeatureCollector):
    """Popularity, its decayed kinds and ages of items; activity, recency and taste for the popular of users."""

    def _get_item_features(self, items: Any, dataset: Any, fold_info: Any) -> Any:
        events = dataset.interactions.df
        age = (events.datetime.max() - events.datetime).dt.total_seconds() / DAY_SECONDS
        columns = {"item": events.item_id, "n": 1.0, "first": age, "last": age}
        columns |= {f"n_{days}": 0.5 ** (age / days) for days in DECAYS}
        how = {"n": "sum", "first": "max", "last": "min"} | {f"n_{days}": "sum" for days in DECAYS}
        features = pd.DataFrame(columns).groupby("item").agg(how).reset_index()
        features["item_id"] = dataset.item_id_map.convert_to_external(features.pop("item"))
        return features[features.item_id.isin(items)]

    def _get_user_features(self, users: Any, dataset: Any, fold_info: Any) -> Any:
        events = dataset.interactions.df
        age = (events.datetime.max() - events.datetime).dt.total_seconds() / DAY_SECONDS
        popularity = np.log1p(events.item_id.map(events.groupby("item_id").size()))
        columns = {"user": events.user_id, "user_n": 1.0, "user_last": age, "user_popularity": popularity}
        how = {"user_n": "sum", "user_last": "min", "user_popularity": "mean"}
        features = pd.DataFrame(columns).groupby("user").agg(how).reset_index()
        features["user_id"] = dataset.user_id_map.convert_to_external(features.pop("user"))
        return features[features.user_id.isin(users)]


class GroupedReranker(Reranker):
    """LightGBM wants the rows of a user together, and to know how many there are."""

    def prepare_fit_kwargs(self, candidates_with_target: Any) -> dict[str, Any]:
        """Features, labels and group sizes."""
        rows = candidates_with_target.sort_values("user_id", kind="stable")
        sizes = rows.groupby("user_id").item_id.count().to_numpy()
        return {"X": rows.drop(columns=["user_id", "item_id", "target"]), "y": rows["target"], "group": sizes}


class TwoStage(RecTools):
    """Popularity, item neighbours, ALS and maybe EASE give candidates with ranks and scores; LightGBM orders them.

    `als` and `ease_regularization` are the settings that these models were tuned to on their own.
    """

    def __init__(
        self,
        n_negatives: int,
        n_candidates: int,
        ease: bool,
        features: bool,
        popular_days: int,
        als: dict[str, Any],
        ease_regularization: float,
    ) -> None:
        super().__init__(None)
        als_model = AlternatingLeastSquares(**als, iterations=15, num_threads=THREADS, random_state=0, use_gpu=False)
        models = [
            PopularModel(period=timedelta(days=popular_days)) if popular_days else PopularModel(),
            ImplicitItemKNNWrapperModel(TFIDFRecommender(K=100, num_threads=THREADS)),
            ImplicitALSWrapperModel(als_model),
        ]
        if ease:
            models.append(EASEModel(regularization=ease_regularization, recommend_n_threads=THREADS))
        missing = {"scores_fillna_value": 0.0, "ranks_fillna_value": n_candidates + 1}
        self.generators = [
            CandidateGenerator(model, num_candidates=n_candidates, keep_ranks=True, keep_scores=True, **missing)
            for model in models
        ]
        self.sampler = PerUserNegativeSampler(n_negatives=n_negatives, random_state=0)
        self.collector = Counts() if features else None

    def fit(self, data: Interactions) -> None:
        """Fit the candidates before the last part of train, LightGBM on that part, and the candidates on all of it."""
        ranker = LGBMRanker(
            n_estimators=300,
            learning_rate=0.05,
            num_leaves=15,
            min_child_samples=50,
            subsample=0.8,
            subsample_freq=1,
            colsample_bytree=0.8,
            random_state=0,
            n_jobs=THREADS,
            verbose=-1,
        )
        self.model = CandidateRankingModel(
            self.generators,
            _choose_splitter(data),
            GroupedReranker(ranker),
            sampler=self.sampler,
            feature_collector=self.collector,
        )
        super().fit(data)


def _choose_splitter(data: Interactions) -> Any:
    """Hold out the time that has the last tenth of the events; in a leave-last-out split, each user's last few."""
    if data.leave_last:
        typical = float(np.median(np.asarray(data.seen.sum(axis=1))))
        return LastNSplitter(n=max(1, int(typical * 0.2)), n_splits=1)
    hours = int(np.ceil(np.quantile(data.ages, 0.1) * 24))
    return TimeRangeSplitter(f"{max(hours, 1)}H", n_splits=1)
