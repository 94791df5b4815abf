"""The choice of what to publish: the ranker unless validation says otherwise; a safe method when it says too little."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

import polars as pl

from recsys_assets.errors import RecsysError
from recsys_assets.evaluation.bootstrap import bootstrap_paired_difference
from recsys_assets.evaluation.metrics import per_user_metrics, relevant_items
from recsys_assets.schema import FUSION, RANKER

# With fewer users, the standard error of a mean NDCG (spread over users about 0.25) exceeds 0.025, more than what
# separates good methods; the best of a dozen would then be the luckiest.
MIN_USERS = 100
SAFE_METHODS = (FUSION, "popular")
AUTO = "auto"


@dataclass(frozen=True)
class MethodChoice:
    """Which method to publish, and why.

    Attributes:
        method: name of the chosen model.
        ndcg: its mean NDCG at k over the validation users; None where that was not measured.
        runner_up: the best of the others; None where there is none, or nothing was measured.
        margin: mean of the chosen method's NDCG minus the runner-up's, user by user.
        margin_low: lower end of the margin's 95 % interval.
        margin_high: upper end.
        n_users: validation users with a relevant item.
        reason: one sentence for people.
    """

    method: str
    ndcg: float | None
    runner_up: str | None
    margin: float | None
    margin_low: float | None
    margin_high: float | None
    n_users: int
    reason: str


def choose_method(
    lists: pl.DataFrame,
    labels: pl.DataFrame,
    models: Sequence[str],
    *,
    draws: int,
    seed: int,
    wanted: str = AUTO,
    k: int = 10,
    min_users: int = MIN_USERS,
) -> MethodChoice:
    """Choose the ranker, unless another model's mean NDCG at k on the validation cutoff is higher by more than chance.

    The best of a dozen models on a few hundred users is partly the luckiest, and the ranker draws on all the others: so
    another one takes its place only if the 95 % interval of their difference, user by user, lies above 0. Without a
    ranker the highest mean wins; of equal ones, the simplest.

    With fewer than `min_users` users with a relevant item nothing is compared, and the choice is the first of fusion,
    popular and the simplest model that `models` has. A method named in the configuration is taken as it is; its margin
    over the best other one (perhaps negative) is still measured where there are enough users.

    Args:
        lists: `model`, `user_id`, `item_id`, `rank`, of the validation cutoff.
        labels: `user_id`, `item_id`, perhaps `relevance_label`, of the validation cutoff.
        models: names to choose from, simplest first (single sources, then fusion, then the ranker).
        draws: bootstrap resamples of the margin.
        seed: of the resamples.
        wanted: `auto`, or the name of the method to take (publishing.method).
        k: length at which the lists are cut.
        min_users: see above.

    Raises:
        RecsysError: there is no model to choose from, or `wanted` is none of them.
    """
    if not models:
        raise RecsysError("There is no method to choose from: name at least one source in candidates.sources.")
    if wanted not in (AUTO, *models):
        raise RecsysError(f"publishing.method is '{wanted}', which is not one of: {AUTO}, {', '.join(models)}.")
    n_users = relevant_items(labels)["user_id"].n_unique()
    if n_users < max(1, min_users):
        return _choose_unmeasured(models, wanted, n_users, max(1, min_users))

    per_user = {
        model: per_user_metrics(lists.filter(pl.col("model") == model), labels, k)["ndcg"].to_numpy()
        for model in models
    }
    means = {model: fsum(values) / n_users for model, values in per_user.items()}
    # max() keeps the first, so the simplest, of equal ones
    best = max(models, key=lambda model: means[model])
    method = best if wanted == AUTO else wanted
    if wanted == AUTO and RANKER in models and best != RANKER:
        gain = bootstrap_paired_difference(per_user[best], per_user[RANKER], draws, seed)
        method = best if gain.low > 0 else RANKER
    others = [model for model in models if model != method]
    measured = f"NDCG@{k} on the validation cutoff, {means[method]:.4f} over {n_users} users"
    if wanted != AUTO:
        so = f"{method} is set in publishing.method: {measured}"
    elif method == best:
        so = f"{method} has the best {measured}"
    else:
        so = f"{method} is taken, since no other is better by more than chance: {measured}"
    if not others:
        return MethodChoice(method, means[method], None, None, None, None, n_users, f"{so}; there is no other method.")
    runner_up = max(others, key=lambda model: means[model])
    margin = bootstrap_paired_difference(per_user[method], per_user[runner_up], draws, seed)
    reason = (
        f"{so}; {runner_up} is the best other with {means[runner_up]:.4f} "
        f"(difference {margin.mean:+.4f}, 95 % interval {margin.low:+.4f} to {margin.high:+.4f})."
    )
    return MethodChoice(method, means[method], runner_up, margin.mean, margin.low, margin.high, n_users, reason)


def _choose_unmeasured(models: Sequence[str], wanted: str, n_users: int, min_users: int) -> MethodChoice:
    found = f"the validation cutoff has {n_users} users with a relevant item, and comparing methods needs {min_users}"
    if wanted == AUTO:
        method = next((method for method in SAFE_METHODS if method in models), models[0])
        reason = f"{method} is taken unmeasured: {found}."
    else:
        method, reason = wanted, f"{wanted} is set in publishing.method; {found}."
    return MethodChoice(method, None, None, None, None, None, n_users, reason)
