"""Content: items described like what the user liked, whoever else had them; the way to new and rare items."""

import re

import numpy as np
import polars as pl
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from recsys_assets.candidates.catalogue import Catalogue
from recsys_assets.candidates.generate import Scorer
from recsys_assets.candidates.history import FloatArray, History, IntArray
from recsys_assets.config import Config

HALF_LIFE_EVENTS = 40.0
WORD = re.compile(r"\b\w\w+\b")


def fit_content(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """Cosine of the user's recent items' mean description with each item's."""
    vectors = describe_items(catalogue.descriptions, config.candidates.content.title_weight)
    recent = history.recent(HALF_LIFE_EVENTS)

    def score(users: IntArray) -> FloatArray:
        profiles = scale_rows(recent[users] @ vectors)
        return np.asarray((profiles @ vectors.T).toarray(), np.float32)

    return score


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
