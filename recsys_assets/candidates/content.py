"""Content: items described like what the user liked, whoever else had them; the way to new and rare items."""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.candidates.saved import SavedSource
from recsys_assets.candidates.spread import spread, spread_row
from recsys_assets.config import Config

HALF_LIFE_EVENTS = 40.0
WORD = re.compile(r"\b\w\w+\b")


@dataclass(frozen=True)
class Content(SavedSource):
    """Cosine of the user's recent items' mean description with each item's.

    Attributes:
        vectors: items x terms, rows of length 1.
    """

    vectors: sparse.csr_matrix

    def __call__(self, history: History, users: IntArray) -> FloatArray:
        """Users x items."""
        if len(users) != 1:
            profiles = scale_rows(history.recent(HALF_LIFE_EVENTS)[users] @ self.vectors)
            return np.asarray((profiles @ self._by_term).toarray(), np.float32)
        profile = spread(history.recent(HALF_LIFE_EVENTS), users, self.vectors)[0]
        terms = np.flatnonzero(profile)
        length = np.float32(np.linalg.norm(profile)) or np.float32(1)
        return spread_row(terms, profile[terms] / length, self._by_term).astype(np.float32)[None, :]

    @cached_property
    def _by_term(self) -> sparse.csr_matrix:
        return self.vectors.T.tocsr()


def fit_content(history: History, catalogue: Catalogue, config: Config) -> Content:
    """Descriptions as tf-idf vectors."""
    return Content(describe_items(catalogue.descriptions, config.candidates.content.title_weight))


def describe_items(descriptions: pl.DataFrame, title_weight: float) -> sparse.csr_matrix:
    """Items x terms, rows of length 1 (or 0 where nothing is known): tf-idf of categories, creators and title words."""
    blocks = [
        _tfidf([document or [] for document in descriptions["categories"].to_list()]),
        _tfidf([document or [] for document in descriptions["creators"].to_list()]),
        title_weight * _tfidf([WORD.findall(title.lower()) for title in descriptions["title"].to_list()]),
    ]
    return scale_rows(sparse.hstack(blocks, format="csr")).astype(np.float32)


def scale_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """The matrix with rows of length 1, but for empty ones; sklearn's refuses a matrix without rows or columns."""
    return normalize(matrix) if 0 not in matrix.shape else matrix


def _tfidf(documents: list[list[str]]) -> sparse.csr_matrix:
    if not any(documents):  # sklearn refuses a vocabulary without a single term
        return sparse.csr_matrix((len(documents), 0), dtype=np.float32)
    return TfidfVectorizer(dtype=np.float32, analyzer=list).fit_transform(documents)
