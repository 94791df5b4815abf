"""Every candidate source by name: one function (history, catalogue, config) -> scorer; and scorers read from files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from recsys_assets.candidates.als import Als, fit_als
from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.content import Content, fit_content
from recsys_assets.candidates.covisited import fit_covisited
from recsys_assets.candidates.ease import Ease, EaseByRows, fit_ease, fit_ease_liked
from recsys_assets.candidates.generate import Scorer
from recsys_assets.candidates.history import History
from recsys_assets.candidates.item_embeddings import ItemEmbeddings, fit_item_embeddings
from recsys_assets.candidates.item_knn import fit_item_knn, fit_item_knn_plain
from recsys_assets.candidates.neighbours import Neighbours
from recsys_assets.candidates.nothing import Nothing
from recsys_assets.candidates.popular import (
    Popular,
    PopularInCategory,
    fit_popular,
    fit_popular_decayed_fast,
    fit_popular_decayed_slow,
    fit_popular_in_category,
)
from recsys_assets.candidates.repeat import Repeat, fit_repeat
from recsys_assets.candidates.sasrec import SasrecScorer, fit_sasrec
from recsys_assets.candidates.saved import ARRAYS_FILE, KIND, SavedSource
from recsys_assets.candidates.user_knn import UserKnn, fit_user_knn
from recsys_assets.config import Config

FitSource = Callable[[History, Catalogue, Config], Scorer]

SOURCES: dict[str, FitSource] = {
    "popular": fit_popular,
    "popular_decayed_slow": fit_popular_decayed_slow,
    "popular_decayed_fast": fit_popular_decayed_fast,
    "popular_in_category": fit_popular_in_category,
    "repeat": fit_repeat,
    "covisited": fit_covisited,
    "item_knn": fit_item_knn,
    "item_knn_plain": fit_item_knn_plain,
    "user_knn": fit_user_knn,
    "content": fit_content,
    "als": fit_als,
    "item_embeddings": fit_item_embeddings,
    "ease": fit_ease,
    "ease_liked": fit_ease_liked,
    "sasrec": fit_sasrec,
}

_KINDS: dict[str, type[SavedSource]] = {
    kind.__name__: kind
    for kind in (
        Als,
        Content,
        Ease,
        EaseByRows,
        ItemEmbeddings,
        Neighbours,
        Nothing,
        Popular,
        PopularInCategory,
        Repeat,
        UserKnn,
    )
}


def load_source(folder: Path, history: History) -> Scorer:
    """The scorer that was saved into `folder`; `history` is the one it learnt from."""
    if not (folder / ARRAYS_FILE).exists():
        from recsys_assets.candidates.sasrec_network import load_sasrec  # PyTorch is an extra

        return SasrecScorer(load_sasrec(folder))
    with np.load(folder / ARRAYS_FILE, allow_pickle=False) as arrays:
        content = dict(arrays)
    kind: Scorer = _KINDS[str(content.pop(KIND))].read(content, history)  # type: ignore[assignment]
    return kind
