"""Content: items described like what the user liked, whoever else had them; the way to new and rare items."""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from scipy import sparse

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
    """The matrix with rows of length 1, but for empty ones."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1), np.float64)).ravel()
    scales = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return (sparse.diags_array(scales) @ matrix).tocsr()


def _tfidf(documents: list[list[str]]) -> sparse.csr_matrix:
    """Documents x terms, rows of length 1: counts times ln((1 + documents) / (1 + those with the term)) + 1.

    The numbers are those of scikit-learn's TfidfVectorizer, which a test holds it to. To import that costs 60 MiB, and
    each worker of the service describes items too.
    """
    places = {term: place for place, term in enumerate(sorted({term for document in documents for term in document}))}
    lengths = [len(document) for document in documents]
    columns = np.fromiter((places[term] for document in documents for term in document), np.int64, sum(lengths))
    rows = np.repeat(np.arange(len(documents)), lengths)
    shape = len(documents), len(places)
    counts = sparse.csr_matrix((np.ones(len(columns)), (rows, columns)), shape=shape)  # adds up what repeats
    n_with_term = np.bincount(counts.indices, minlength=len(places))
    idf = np.log((1 + len(documents)) / (1 + n_with_term)) + 1
    return scale_rows((counts @ sparse.diags_array(idf)).tocsr()).astype(np.float32)
