"""Each limit alone, just below and just above; none of them; all of them; and what is not known."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_assets.settings import RetrainingConfig
from recsys_assets.upkeep.retraining import Drift, ModelState, Quality, reasons_to_retrain

NOW = datetime(2024, 6, 30, 12)
LIMITS = RetrainingConfig(
    new_events_share=0.2, max_age_days=30, quality_drop=0.5, drift_psi=0.25, min_users=100, min_days_between=1
)
OFF = LIMITS.model_copy(
    update={"new_events_share": None, "max_age_days": None, "quality_drop": None, "drift_psi": None}
)
GOOD = Quality(ndcg=0.12, ndcg_high=0.14, test_ndcg=0.12, n_users=100)
BAD = Quality(ndcg=0.04, ndcg_high=0.059, test_ndcg=0.12, n_users=100)
NO_LONGER_GOOD = (
    "NDCG@10 of the published lists is 0.040 on what 100 users chose since, 67 % below the test's 0.120 (limit 50 %)"
)


def state(days: float = 10, **known: Any) -> ModelState:
    facts: dict[str, Any] = {
        "n_events_then": 800,
        "n_events_now": 1000,
        "quality": GOOD,
        "drift": Drift("price", 0.25),
    }
    return ModelState(now=NOW, trained_at=NOW - timedelta(days=days), **(facts | known))


WORST = {"n_events_then": 780, "quality": BAD, "drift": Drift("price", 0.4)}


def test_at_its_limits_a_model_can_stay() -> None:
    assert reasons_to_retrain(state(days=30), LIMITS) == []


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"n_events_then": 780}, "22 % of the events are newer than the model (limit 20 %)"),
        ({"days": 30.6}, "the model is 31 days old (limit 30)"),
        ({"quality": BAD}, NO_LONGER_GOOD),
        ({"drift": Drift("price", 0.26)}, "price has drifted, PSI 0.26 (limit 0.25)"),
    ],
    ids=["new events", "age", "quality", "drift"],
)
def test_each_limit_gives_its_reason_alone(known: dict[str, Any], reason: str) -> None:
    assert reasons_to_retrain(state(**known), LIMITS) == [reason]
    assert reasons_to_retrain(state(**known), OFF) == []


def test_all_reasons_are_given_in_one_order() -> None:
    reasons = reasons_to_retrain(state(days=31, **WORST), LIMITS)
    assert [reason.split()[0] for reason in reasons] == ["22", "the", "NDCG@10", "price"]


@pytest.mark.parametrize("limit", ["new_events_share", "max_age_days", "quality_drop", "drift_psi"])
def test_a_limit_that_is_null_is_not_looked_at(limit: str) -> None:
    without = LIMITS.model_copy(update={limit: None})
    assert len(reasons_to_retrain(state(days=31, **WORST), without)) == 3


@pytest.mark.parametrize(
    "unknown",
    [{"n_events_then": None}, {"n_events_now": None}, {"n_events_now": 0}, {"quality": None}, {"drift": None}],
)
def test_what_is_not_known_is_no_reason(unknown: dict[str, Any]) -> None:
    assert len(reasons_to_retrain(state(**WORST), LIMITS)) == 3
    assert len(reasons_to_retrain(state(**(WORST | unknown)), LIMITS)) == 2


def test_before_the_first_training_there_is_no_reason() -> None:
    assert reasons_to_retrain(ModelState(now=NOW, n_events_now=1000), LIMITS) == []


@pytest.mark.parametrize(("days", "n_reasons"), [(0, 0), (0.99, 0), (1, 3), (2, 3)])
def test_nothing_is_a_reason_so_soon_after_a_training(days: float, n_reasons: int) -> None:
    assert len(reasons_to_retrain(state(days=days, **WORST), LIMITS)) == n_reasons


@pytest.mark.parametrize(
    "quality",
    [
        Quality(ndcg=0.04, ndcg_high=0.059, test_ndcg=0.12, n_users=99),
        Quality(ndcg=0.04, ndcg_high=0.061, test_ndcg=0.12, n_users=100),
        Quality(ndcg=0.0, ndcg_high=0.0, test_ndcg=0.0, n_users=100),
    ],
    ids=["too few users", "may be chance", "the test promised nothing"],
)
def test_a_drop_of_quality_must_be_sure(quality: Quality) -> None:
    assert reasons_to_retrain(state(quality=quality), LIMITS) == []


def test_removed_events_do_not_count_against_new_ones() -> None:
    assert state(n_events_then=1200).new_events_share == 0
    assert reasons_to_retrain(state(n_events_then=1200), LIMITS) == []


@given(then=st.integers(0, 10**9), now=st.integers(0, 10**9))
def test_the_share_of_new_events_is_a_share(then: int, now: int) -> None:
    share = state(n_events_then=then, n_events_now=now).new_events_share
    assert share is None if now == 0 else share is not None and 0 <= share <= 1
