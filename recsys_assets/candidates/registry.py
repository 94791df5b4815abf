"""Every candidate source by name; a source is one function (history, catalogue, config) -> scorer."""

from collections.abc import Callable

from recsys_assets.candidates.als import fit_als
from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.content import fit_content
from recsys_assets.candidates.covisited import fit_covisited
from recsys_assets.candidates.ease import fit_ease, fit_ease_liked
from recsys_assets.candidates.generate import Scorer
from recsys_assets.candidates.history import History
from recsys_assets.candidates.item_embeddings import fit_item_embeddings
from recsys_assets.candidates.item_knn import fit_item_knn, fit_item_knn_plain
from recsys_assets.candidates.popular import (
    fit_popular,
    fit_popular_decayed_fast,
    fit_popular_decayed_slow,
    fit_popular_in_category,
)
from recsys_assets.candidates.repeat import fit_repeat
from recsys_assets.candidates.sasrec import fit_sasrec
from recsys_assets.candidates.user_knn import fit_user_knn
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
