"""Live scores, in parts or at once, and made again from what is kept of them."""

import numpy as np
import pytest

from recsys_assets.ranking import scoring
from recsys_assets.ranking.frame import build_ranking_frame
from recsys_assets.ranking.ranker import Ranker, combine_parts
from recsys_assets.ranking.rankers import train_rankers
from recsys_assets.ranking.scoring import score_live_candidates
from recsys_assets.ranking.training_frame import build_training_frame, write_training_frame


@pytest.fixture
def live_ranker(warehouse, quick_config) -> Ranker:
    write_training_frame(warehouse, build_training_frame(warehouse, quick_config, ["train_1", "validation", "test"]))
    roles = {"training": ["train_1"], "validation": ["validation"], "test": ["test"]}
    trained = train_rankers(warehouse, quick_config, roles, lambda line: None)
    assert trained.ranker is not None
    return trained.ranker


def stored(connection, table: str) -> list[tuple]:
    return connection.execute(f"SELECT * FROM ranking.{table} ORDER BY user_id, item_id").fetchall()


def test_every_live_candidate_has_the_rankers_score(warehouse, quick_config, live_ranker) -> None:
    assert score_live_candidates(warehouse, quick_config, live_ranker, lambda line: None) == 320
    frame = build_ranking_frame(warehouse, quick_config, "live")
    scores = live_ranker.score(frame.features, frame.group)
    assert stored(warehouse, "scored_candidates") == [
        (user, item, score) for (user, item, _), score in zip(frame.keys.rows(), scores.tolist(), strict=True)
    ]


def test_parts_give_the_same_rows(warehouse, quick_config, live_ranker, monkeypatch) -> None:
    score_live_candidates(warehouse, quick_config, live_ranker, lambda line: None)
    at_once = {table: stored(warehouse, table) for table in ("scored_candidates", "scored_features")}
    monkeypatch.setattr(scoring, "ROWS_PER_PART", 25)  # of two or three of the 32 users with ten candidates each
    lines: list[str] = []
    score_live_candidates(warehouse, quick_config, live_ranker, lines.append)
    assert {table: stored(warehouse, table) for table in at_once} == at_once
    assert lines[0] == "scored 20 candidates, 1 of 13 parts"
    assert lines[-1] == "scored 320 candidates, 13 of 13 parts"


def test_the_best_scores_can_be_made_again_to_the_bit(warehouse, quick_config, live_ranker) -> None:
    score_live_candidates(warehouse, quick_config, live_ranker, lambda line: None)
    score_of = {(user, item): score for user, item, score in stored(warehouse, "scored_candidates")}
    kept = stored(warehouse, "scored_features")
    assert len(kept) == 32 * 4  # by score alone, a list of four comes from the best four
    for user, item, features, mean, deviation in kept:
        values = live_ranker.part_values(np.array([features], np.float32))
        assert (
            combine_parts(values, np.array([mean]), np.array([deviation]), live_ranker.part_weights)[0]
            == score_of[user, item]
        )
        better = [other for (owner, _), other in score_of.items() if owner == user and other > score_of[user, item]]
        assert len(better) < 4


def test_without_a_ranker_both_tables_are_empty(warehouse, quick_config) -> None:
    assert score_live_candidates(warehouse, quick_config, None, lambda line: None) == 0
    assert stored(warehouse, "scored_candidates") == stored(warehouse, "scored_features") == []
