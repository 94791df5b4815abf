"""SASRec: what comes next, from the order of the user's last items."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.generate import Scorer
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.candidates.nothing import Nothing
from recsys_assets.config import Config
from recsys_assets.torch_extra import require_torch

if TYPE_CHECKING:
    from recsys_assets.candidates.sasrec_network import SasrecModel

Sequences = list[NDArray[np.int64]]


@dataclass(frozen=True)
class SasrecScorer:
    """A trained model."""

    model: "SasrecModel"

    def __call__(self, history: History, users: IntArray) -> FloatArray:
        """Dot products, shifted to be above zero; zero for a user without items."""
        of_all: Sequences = history.derived("sequences", lambda: read_sequences(history)[0])
        sequences = [of_all[user] for user in users]
        scores = self.model.score(sequences)
        has_items = np.array([len(own) > 0 for own in sequences], np.bool_)
        scores -= scores.min(axis=1, keepdims=True) - 1e-6
        scores[~has_items] = 0
        return scores

    def save(self, folder: Path) -> None:
        """Write the network and its items into `folder`."""
        self.model.save(folder)


def fit_sasrec(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """SASRec (PyTorch) on each user's last items in order; it learns to predict the liked ones.

    Source: Kang & McAuley, "Self-attentive sequential recommendation", 2018; the softmax over items in place of one
    negative a step: Klenitskiy & Vasilev, "Turning dross into gold loss", 2023.
    """
    require_torch("candidates.sources names sasrec")
    from recsys_assets.candidates.sasrec_network import train_sasrec

    settings = config.candidates.sasrec
    sequences, wanted = read_sequences(history)
    taught = [user for user, of in enumerate(wanted) if len(of) > 1 and of[1:].any()]
    if not taught:
        return Nothing()
    model = train_sasrec(
        [sequences[user] for user in taught], [wanted[user] for user in taught], history.item_ids, settings, config.seed
    )
    return SasrecScorer(model)


def read_sequences(history: History) -> tuple[Sequences, list[NDArray[np.bool_]]]:
    """Each user's items, oldest first, and which of them she liked (all of one who liked nothing).

    An item stands where she last had it. What was taken back, or weighs nothing, is no part of a sequence.
    """
    pairs = history.pairs
    order = np.lexsort([-pairs["last_recency_rank"].astype(np.int64), pairs["user"]])
    order = order[pairs["weight"][order] > 0]
    user, item, liked = (pairs[name][order] for name in ("user", "item", "is_liked"))
    bounds = np.searchsorted(user, np.arange(history.shape[0] + 1))
    sequences, wanted = [], []
    for start, end in pairwise(bounds):
        sequences.append(item[start:end].astype(np.int64))
        wanted.append(liked[start:end] if liked[start:end].any() else np.ones(end - start, np.bool_))
    return sequences, wanted
