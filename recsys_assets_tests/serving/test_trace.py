import math
from datetime import datetime

import numpy as np
import pytest

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.ranking.ranker import load_ranker
from recsys_assets.serving.trace import CandidateOrigin, trace_recommendation
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.fixtures.published_world import (
    FEATURE_NAMES,
    MODEL_VERSION,
    U1_FEATURES,
    make_warehouse,
    publish,
)


@pytest.mark.parametrize("item_id", ["i3", "i4"])
def test_the_score_is_made_again_to_the_last_bit(world: Config, item_id: str) -> None:
    trace = trace_recommendation(world, "u1", item_id)
    assert trace.recomputed_score == trace.row.score
    assert trace.is_reproduced
    assert trace.note is None


def test_features_are_the_published_ones_by_what_they_contribute(world: Config) -> None:
    trace = trace_recommendation(world, "u1", "i3")
    values = {one.feature: one.value for one in trace.features}
    assert values == {
        name: float(np.float32(value)) for name, value in zip(FEATURE_NAMES, U1_FEATURES["i3"], strict=True)
    }
    sizes = [abs(one.contribution) for one in trace.features]
    assert sizes == sorted(sizes, reverse=True)


def test_contributions_tell_two_rows_apart_as_their_scores_do(world: Config) -> None:
    # the average and the user's means are the same for both rows, so they cancel out
    first, second = (trace_recommendation(world, "u1", item_id) for item_id in ("i3", "i4"))
    by_features = sum(one.contribution for one in first.features) - sum(one.contribution for one in second.features)
    assert math.isclose(by_features, first.row.score - second.row.score, rel_tol=1e-6)


def test_candidate_sources_come_with_score_and_rank(world: Config) -> None:
    assert trace_recommendation(world, "u1", "i3").candidates == [
        CandidateOrigin("als", float(np.float32(0.7)), 1),
        CandidateOrigin("popular", float(np.float32(0.9)), 2),
    ]
    assert trace_recommendation(world, "u1", "i4").candidates == [CandidateOrigin("popular", 0.5, 3)]


def test_the_evidence_is_every_raw_event_on_the_item_of_the_reason(world: Config) -> None:
    trace = trace_recommendation(world, "u1", "i4")
    assert trace.row.evidence_item_id == "i1"
    assert [(event.file_name, event.line) for event in trace.evidence.events] == [("events.csv", 3), ("events.csv", 2)]
    assert [event.line for event in trace.last_events.events] == [8, 7, 6, 4, 3]


def test_the_row_is_that_of_for_you_where_the_item_is_in_several_lists(world: Config) -> None:
    assert trace_recommendation(world, "u1", "i4").row.surface == "for_you"


def test_an_item_that_no_source_proposed_is_called_a_filler(world: Config) -> None:
    trace = trace_recommendation(world, "u2", "i4")
    assert trace.note == "No source proposed the item: it fills a list that was too short, by its popularity."
    assert (trace.candidates, trace.features, trace.recomputed_score) == ([], [], None)
    assert not trace.is_reproduced
    assert trace.evidence.note == "The reason names no item of the user's history."


@pytest.mark.parametrize(("method", "score"), [("fusion", 0.03), ("als", float(np.float32(0.7)))])
def test_without_the_ranker_the_score_is_the_candidates_own(tiny_home: Config, method: str, score: float) -> None:
    make_warehouse(tiny_home)
    with open_warehouse(tiny_home) as connection:
        connection.execute("UPDATE publishing.recommendations SET score = ? WHERE item_id = 'i3'", [score])
    publish(tiny_home, datetime(2024, 3, 1), method=method)
    trace = trace_recommendation(tiny_home, "u1", "i3")
    assert (trace.recomputed_score, trace.is_reproduced, trace.features) == (score, True, [])
    assert (trace.note or "").startswith(f"The lists are those of {method}")


def test_a_score_that_was_tampered_with_is_found(tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    with open_warehouse(tiny_home) as connection:
        (score,) = connection.execute(
            "SELECT score FROM publishing.recommendations WHERE user_id = 'u1' AND item_id = 'i3'"
        ).fetchone() or (0.0,)
        connection.execute(
            "UPDATE publishing.recommendations SET score = ? WHERE user_id = 'u1' AND item_id = 'i3'",
            [math.nextafter(score, math.inf)],
        )
    publish(tiny_home, datetime(2024, 3, 1))
    trace = trace_recommendation(tiny_home, "u1", "i3")
    assert trace.recomputed_score == score
    assert not trace.is_reproduced


def test_the_model_is_the_bundles_own(tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    bundle = publish(tiny_home, datetime(2024, 3, 1))
    (tiny_home.models_path / MODEL_VERSION).rename(tiny_home.models_path / "m2")
    assert trace_recommendation(tiny_home, "u1", "i3").is_reproduced
    assert load_ranker(bundle / "models/ranker").feature_names == FEATURE_NAMES


@pytest.mark.parametrize(
    ("user_id", "item_id", "sentence"),
    [
        ("u9", "i3", "There is no published list for user 'u9'"),
        ("u2", "i3", "Item 'i3' is in no published list of user 'u2': see `recsys recommend u2`"),
        (
            "u1",
            "runner",
            r"There is no item 'runner' in the published bundle; by title, did you mean i3 \(Trail Runner\)",
        ),
    ],
)
def test_what_is_not_published_cannot_be_traced(world: Config, user_id: str, item_id: str, sentence: str) -> None:
    with pytest.raises(RecsysError, match=sentence):
        trace_recommendation(world, user_id, item_id)
