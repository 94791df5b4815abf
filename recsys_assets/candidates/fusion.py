"""The fusion of all sources: one score a pair from all their scores, with weights learnt from earlier cutoffs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys_assets.candidates.history import FloatArray, IntArray

POWERS = (1.0, 0.5, 0.25)  # of a source's score as a share of the user's highest: how steeply its opinion falls
OTHERS_PER_CUTOFF = 100_000  # pairs that were not relevant, drawn evenly from all users and items
MIN_RELEVANT = 200  # pairs to learn weights from; with fewer, every source weighs the same
INVERSE_REGULARIZATION = 1.0

Weights = dict[str, tuple[float, ...]]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Fusion:
    """A weighted sum over sources and POWERS of (score / the user's highest score by that source) ** power.

    Attributes:
        weights: source -> one weight a power.
    """

    weights: Weights

    def score(self, scores: Mapping[str, FloatArray]) -> FloatArray:
        """Users x items: the sum; minus infinity where no source gives the item a score.

        Args:
            scores: source -> users x items, 0 where the item is no candidate.
        """
        total, is_scored = np.zeros(_shape(scores), np.float32), np.zeros(_shape(scores), np.bool_)
        for source, values in scores.items():
            is_scored |= values > 0
            powers = _powers_of_shares(values)
            for place, weight in enumerate(self.weights[source]):
                if weight:
                    total += np.float32(weight) * powers[:, place]
        total[~is_scored] = -np.inf
        return total

    def score_one(self, scores: FloatArray) -> FloatArray:
        """The same for one user, to the bit, from sources x items in the order of the weights."""
        parts = _powers_of_shares(scores)
        parts *= np.array([*self.weights.values()], np.float32)[:, :, None]
        total: FloatArray = parts.reshape(-1, scores.shape[1]).sum(axis=0)  # one part after the other
        total[~np.any(scores > 0, axis=0)] = -np.inf
        return total


def weigh_equally(sources: Mapping[str, object]) -> Fusion:
    """Before there are labels to learn from: the sum of the shares."""
    return Fusion({source: tuple(float(power == 1.0) for power in POWERS) for source in sources})


def average(fusions: Sequence[Fusion]) -> Fusion:
    """The mean weights."""
    (first, *_) = fusions
    mean = {
        source: tuple(np.mean([fusion.weights[source] for fusion in fusions], axis=0).tolist())
        for source in first.weights
    }
    return Fusion(mean)


@dataclass(frozen=True)
class Lesson:
    """What the sources said of some pairs whose labels are known by now.

    Attributes:
        features: pairs x (sources x POWERS): the shares to each of POWERS.
        labels: whether a pair was relevant.
    """

    features: FloatArray
    labels: BoolArray


def draw_lesson(
    seed: int, scores: Mapping[str, FloatArray], users: IntArray, relevant: sparse.csr_matrix, n_users: int
) -> Lesson:
    """The relevant pairs of some users of a cutoff, and a sample of the others that a source gives a score.

    Args:
        seed: of the sample.
        scores: source -> users x items.
        users: their positions. Each draws for herself, so it does not matter how users are cut into blocks.
        relevant: all users x items, above 0 where relevant.
        n_users: from how many users of the cutoff lessons are drawn in all.
    """
    n_items = relevant.shape[1]
    share_of_others = OTHERS_PER_CUTOFF / (n_users * n_items)
    is_relevant = relevant[users].toarray() > 0
    is_kept = np.any([values > 0 for values in scores.values()], axis=0)
    for row, user in enumerate(users):
        is_kept[row] &= is_relevant[row] | (np.random.default_rng([seed, int(user)]).random(n_items) < share_of_others)
    columns = [power[is_kept] for values in scores.values() for power in np.moveaxis(_powers_of_shares(values), 1, 0)]
    return Lesson(np.column_stack(columns), is_relevant[is_kept])


def learn_fusion(lessons: Sequence[Lesson], sources: Mapping[str, object]) -> Fusion:
    """Logistic regression of relevance on the shares' powers; `weigh_equally` while there is too little.

    A cutoff's own labels must not weigh its own candidates: the lessons are those of earlier cutoffs, or other users.
    """
    if sum(int(lesson.labels.sum()) for lesson in lessons) < MIN_RELEVANT:
        return weigh_equally(sources)
    from sklearn.linear_model import LogisticRegression  # it takes a second to import

    # by Newton's steps: ten of them where L-BFGS stops at its 200th, four times slower and short of the optimum
    model = LogisticRegression(C=INVERSE_REGULARIZATION, solver="newton-cholesky")
    model.fit(
        np.concatenate([lesson.features for lesson in lessons]), np.concatenate([lesson.labels for lesson in lessons])
    )
    weights = model.coef_[0].reshape(-1, len(POWERS)).tolist()
    return Fusion({source: tuple(own) for source, own in zip(sources, weights, strict=True)})


def _shape(scores: Mapping[str, FloatArray]) -> tuple[int, int]:
    n_users, n_items = next(iter(scores.values())).shape
    return n_users, n_items


def _powers_of_shares(scores: FloatArray) -> FloatArray:
    """Rows x items -> rows x POWERS x items: the shares to each of POWERS."""
    powers = np.empty((len(scores), len(POWERS), scores.shape[1]), np.float32)
    highest = np.maximum(scores.max(axis=1, keepdims=True, initial=0), np.float32(1e-9))
    np.divide(scores, highest, out=powers[:, 0])
    np.sqrt(powers[:, 0], out=powers[:, 1])
    np.sqrt(powers[:, 1], out=powers[:, 2])
    return powers
