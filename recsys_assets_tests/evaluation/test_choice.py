from dataclasses import FrozenInstanceError

import polars as pl
import pytest

from recsys_assets.errors import RecsysError
from recsys_assets.evaluation.choice import MIN_USERS, MethodChoice, choose_method

MODELS = ("popular", "als", "fusion", "ranker")
USERS = [f"u{number:02}" for number in range(20)]
LABELS = pl.DataFrame({"user_id": USERS, "item_id": ["a"] * 20})


def make_lists(**hits_of_model: int) -> pl.DataFrame:
    """Each model has the relevant item first for that many users, and third for the others (NDCG 1 and 1/2)."""
    rows = [
        (model, user, item, rank)
        for model, n_hits in hits_of_model.items()
        for number, user in enumerate(USERS)
        for rank, item in enumerate("axy" if number < n_hits else "xya", start=1)
    ]
    return pl.DataFrame(rows, schema=["model", "user_id", "item_id", "rank"], orient="row")


def choose(lists: pl.DataFrame, labels: pl.DataFrame = LABELS, models: tuple = MODELS, **settings) -> MethodChoice:
    return choose_method(lists, labels, models, **({"draws": 200, "seed": 0, "min_users": 20} | settings))


def test_the_best_on_validation_is_taken() -> None:
    choice = choose(make_lists(popular=2, als=8, fusion=6, ranker=12))
    assert (choice.method, choice.ndcg, choice.runner_up, choice.n_users) == ("ranker", 0.8, "als", 20)
    assert choice.margin == pytest.approx(0.1, abs=1e-12)  # 4 of 20 users gain 1/2
    assert choice.margin_low is not None
    assert choice.margin_high is not None
    assert 0 <= choice.margin_low < 0.1 < choice.margin_high <= 0.5
    assert choice.reason == (
        "ranker has the best NDCG@10 on the validation cutoff, 0.8000 over 20 users; als is the best other with 0.7000 "
        f"(difference +0.1000, 95 % interval {choice.margin_low:+.4f} to {choice.margin_high:+.4f})."
    )


def test_a_single_source_wins_where_it_is_better_than_the_ranker_by_more_than_chance() -> None:
    choice = choose(make_lists(popular=2, als=20, fusion=6, ranker=12))
    assert (choice.method, choice.runner_up) == ("als", "ranker")
    assert choice.margin_low is not None
    assert choice.margin_low > 0


def test_the_ranker_is_kept_where_another_is_better_by_chance_alone() -> None:
    choice = choose(make_lists(popular=2, als=13, fusion=6, ranker=12))
    assert (choice.method, choice.runner_up) == ("ranker", "als")
    assert choice.margin == pytest.approx(-0.025, abs=1e-12)
    assert choice.reason.startswith(
        "ranker is taken, since no other is better by more than chance: NDCG@10 on the validation cutoff, 0.8000"
    )


def test_without_a_ranker_the_highest_mean_wins() -> None:
    assert choose(make_lists(popular=2, als=13, fusion=12), models=MODELS[:3]).method == "als"


@pytest.mark.parametrize(
    ("hits", "method"),
    [
        ({"popular": 9, "als": 9, "fusion": 9}, "popular"),
        ({"popular": 9, "als": 3, "fusion": 9}, "popular"),
        ({"popular": 2, "als": 9, "fusion": 9}, "als"),
    ],
)
def test_of_equal_ones_the_simplest_is_taken(hits: dict[str, int], method: str) -> None:
    choice = choose(make_lists(**hits), models=MODELS[:3])
    assert choice.method == method
    assert (choice.margin, choice.margin_low, choice.margin_high) == (0.0, 0.0, 0.0)


def test_equal_means_of_different_users_are_equal() -> None:
    lists = pl.concat(
        [make_lists(als=7), make_lists(fusion=7).with_columns(user_id=pl.Series(USERS[::-1]).repeat_by(3).explode())]
    )
    assert choose(lists, models=("als", "fusion")).method == "als"
    assert choose(lists, models=("fusion", "als")).method == "fusion"


def test_a_model_without_lists_scores_zero_and_can_not_win() -> None:
    choice = choose(make_lists(fusion=0), models=MODELS[:3])
    assert (choice.method, choice.ndcg, choice.runner_up) == ("fusion", 0.5, "popular")
    assert choice.margin == 0.5


@pytest.mark.parametrize(
    ("models", "method"),
    [(MODELS, "fusion"), (("als", "popular", "ranker"), "popular"), (("als", "ranker"), "als")],
)
def test_too_few_users_leave_a_safe_method(models: tuple[str, ...], method: str) -> None:
    choice = choose(make_lists(ranker=20), models=models, min_users=21)
    assert choice == MethodChoice(
        method,
        None,
        None,
        None,
        None,
        None,
        20,
        f"{method} is taken unmeasured: the validation cutoff has 20 users with a relevant item, "
        "and comparing methods needs 21.",
    )


def test_without_labels_a_safe_method_is_taken_whatever_the_floor() -> None:
    choice = choose(make_lists(ranker=20), LABELS.head(0), min_users=0)
    assert (choice.method, choice.n_users) == ("fusion", 0)
    assert "has 0 users" in choice.reason


def test_the_floor_is_what_the_module_says() -> None:
    assert choose_method(make_lists(ranker=20), LABELS, MODELS, draws=10, seed=0).method == "fusion"
    assert MIN_USERS > 20


def test_a_method_set_in_the_configuration_is_taken_and_still_measured() -> None:
    choice = choose(make_lists(popular=2, als=8, fusion=6, ranker=12), wanted="popular")
    assert (choice.method, choice.ndcg, choice.runner_up) == ("popular", 0.55, "ranker")
    assert choice.margin == pytest.approx(-0.25, abs=1e-12)
    assert choice.reason.startswith("popular is set in publishing.method: NDCG@10 on the validation cutoff, 0.5500")
    unmeasured = choose(make_lists(ranker=12), wanted="ranker", min_users=21)
    assert (unmeasured.method, unmeasured.ndcg) == ("ranker", None)
    assert unmeasured.reason.startswith("ranker is set in publishing.method; the validation cutoff has 20 users")


def test_the_only_method_has_no_runner_up() -> None:
    choice = choose(make_lists(fusion=20), models=("fusion",))
    assert (choice.method, choice.ndcg, choice.runner_up, choice.margin) == ("fusion", 1.0, None, None)
    assert choice.reason.endswith("; there is no other method.")


def test_what_cannot_be_chosen_is_refused_in_one_sentence() -> None:
    with pytest.raises(
        RecsysError, match=r"publishing.method is 'best', which is not one of: auto, popular, als, fusion"
    ):
        choose(make_lists(fusion=1), wanted="best")
    with pytest.raises(RecsysError, match=r"no method to choose from: name at least one source"):
        choose(make_lists(fusion=1), models=())


def test_a_choice_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        choose(make_lists(fusion=20)).method = "other"  # type: ignore[misc]
