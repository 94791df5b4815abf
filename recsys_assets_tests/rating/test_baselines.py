import numpy as np
import polars as pl
import pytest

from recsys_assets.rating.baselines import fit_bias, fit_mean, load_bias

RATINGS = pl.DataFrame(
    [("u", "a", 5.0), ("u", "b", 4.0), ("v", "a", 3.0), ("v", "b", 2.0)],
    schema=["user_id", "item_id", "value"],
    orient="row",
)
NEW = pl.DataFrame({"user_id": ["u", "u", "x"], "item_id": ["a", "new", "new"]})


def test_the_mean_is_the_same_for_everybody() -> None:
    assert fit_mean(RATINGS).predict(NEW).tolist() == [3.5, 3.5, 3.5]


def test_without_regularisation_the_biases_explain_what_is_additive() -> None:
    # u is 1 above the mean and v 1 below, a half above and b half below; of the unknown nothing is said
    assert fit_bias(RATINGS, 0).predict(NEW) == pytest.approx([5.0, 4.5, 3.5])


def test_regularisation_counts_as_average_ratings() -> None:
    # one round: (0.5 + 0.5) of two events over 2 + 2; rounds go on, so the fixed point is what is compared
    model = fit_bias(RATINGS, 2)
    (user, _), (item, _) = (frame["bias"].to_list() for frame in (model.users, model.items))
    assert (user, item) == pytest.approx((2 * 1.0 / 4, 2 * 0.5 / 4))


def test_what_is_saved_predicts_the_same(tmp_path) -> None:
    model = fit_bias(RATINGS, 1)
    model.save(tmp_path)
    np.testing.assert_array_equal(load_bias(tmp_path).predict(NEW), model.predict(NEW))
