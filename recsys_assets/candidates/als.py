"""ALS: matrix factorisation for implicit feedback."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.generate import Scorer, score_block
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.candidates.nothing import Nothing
from recsys_assets.candidates.saved import SavedSource
from recsys_assets.candidates.spread import in_double, multiply, take_rows
from recsys_assets.candidates.taught import with_als_settings
from recsys_assets.config import Config

JUDGED_LENGTH = 100
JUDGING_USERS = 1_000


@dataclass(frozen=True)
class Als(SavedSource):
    """Dot products of factors, shifted to be above zero.

    A user's factors are those that her liked items ask for, with the items' factors as they are: half a step of ALS.
    So a user who comes later, or liked something since, has factors like everybody else.

    Attributes:
        item_ids: whose factors they are, for whoever wants them elsewhere.
        item_factors: items x factors.
        regularization: as learnt with, and
        alpha: likewise.
    """

    item_ids: NDArray[np.str_]
    item_factors: FloatArray
    regularization: float
    alpha: float

    def __call__(self, history: History, users: IntArray) -> FloatArray:
        """Users x items."""
        liked = take_rows(history.liked, users)
        scores = multiply(self._user_factors(liked), self._by_factor)
        scores -= scores.min(axis=1, keepdims=True) - 1e-6
        scores[np.diff(liked.indptr) == 0] = 0
        return scores

    @cached_property
    def _by_factor(self) -> NDArray[np.float64]:
        return in_double(self.item_factors.T)

    @cached_property
    def _shared(self) -> FloatArray:
        factors = self.item_factors
        return factors.T @ factors + self.regularization * np.eye(factors.shape[1], dtype=np.float32)

    @cached_property
    def _inverse(self) -> FloatArray:
        return np.asarray(np.linalg.inv(self._shared.astype(np.float64)), np.float32)

    def _user_factors(self, liked: sparse.csr_matrix) -> FloatArray:
        """Users x factors: (Y'Y + (alpha - 1) Yu'Yu + regularization I)^-1 alpha sum(Yu), Yu those of her items."""
        factors, shared = self.item_factors, self._shared
        wanted = self.alpha * (liked @ factors)
        if self.alpha == 1:
            return multiply(wanted, self._inverse)
        found: FloatArray = np.empty_like(wanted)
        for user in range(len(found)):
            own = factors[liked.indices[liked.indptr[user] : liked.indptr[user + 1]]]
            found[user] = np.linalg.solve(shared + (self.alpha - 1) * (own.T @ own), wanted[user])
        return found


def fit_als(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """ALS (of `implicit`) on liked pairs.

    Source: Hu, Koren & Volinsky, "Collaborative filtering for implicit feedback datasets", 2008.
    """
    settings = config.candidates.als
    liked = history.liked
    if liked.nnz == 0:
        return Nothing()
    with threadpool_limits(1, "blas"):  # implicit's own threads do the work, BLAS threads beneath them get in the way
        model = AlternatingLeastSquares(
            factors=min(settings.factors, *history.shape),
            regularization=settings.regularization,
            alpha=settings.alpha,
            iterations=settings.iterations,
            num_threads=config.threads,
            random_state=config.seed,
        )
        model.fit(liked, show_progress=False)
    return Als(history.item_ids, model.item_factors, settings.regularization, settings.alpha)


def choose_als(history: History, catalogue: Catalogue, config: Config, relevant: sparse.csr_matrix) -> Config:
    """The configuration with the settings of ALS, of its own and its alternatives', whose lists find most.

    Mean recall at JUDGED_LENGTH over at most JUDGING_USERS users decides; without anything relevant nothing changes.

    Args:
        history: of a cutoff whose labels may be looked at: the first training cutoff.
        catalogue: of the same.
        config: with the alternatives.
        relevant: users x items, above 0 where relevant.
    """
    own = config.candidates.als
    users = history.users_to_serve[np.diff(relevant.indptr)[history.users_to_serve] > 0]
    if not own.alternatives or len(users) == 0:
        return config
    users = np.sort(np.random.default_rng(config.seed).permutation(users)[:JUDGING_USERS])
    n_relevant = np.asarray(relevant[users].sum(axis=1)).ravel()

    def judge(candidate: Config) -> float:
        listed = score_block(history, catalogue, fit_als(history, catalogue, candidate), users, JUDGED_LENGTH)
        found = np.asarray(relevant[users[listed.row], listed.item]).ravel()
        return float((np.bincount(listed.row, weights=found, minlength=len(users)) / n_relevant).mean())

    candidates = [with_als_settings(config, settings) for settings in (own, *own.alternatives)]
    return max(candidates, key=judge)
