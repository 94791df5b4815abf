"""Content: items described like what the user liked, whoever else had them; the way to new and rare items."""

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


def fit_content(history: History, catalogue: Catalogue, config: Config) -> Scorer:
    """Cosine of the user's recent items' mean description with each item's."""
    vectors = describe_items(catalogue.descriptions, config.candidates.content.title_weight)
    recent = history.recent(HALF_LIFE_EVENTS)

    def score(users: IntArray) -> FloatArray:
        profiles = normalize(recent[users] @ vectors)
        return np.asarray((profiles @ vectors.T).toarray(), np.float32)

    return score


def describe_items(descriptions: pl.DataFrame, title_weight: float) -> sparse.csr_matrix:
    """Items x terms, rows of length 1 (or 0 where nothing is known): tf-idf of categories, creators and title words."""
    blocks = [
        _tfidf(descriptions["categories"].to_list(), str),
        _tfidf(descriptions["creators"].to_list(), str),
        title_weight * _tfidf(descriptions["title"].to_list(), None),
    ]
    return normalize(sparse.hstack(blocks, format="csr")).astype(np.float32)


def _tfidf(documents: list[list[str]] | list[str], keep_whole: type | None) -> sparse.csr_matrix:
    whole = {"analyzer": list} if keep_whole else {"token_pattern": r"(?u)\b\w\w+\b"}
    try:
        return TfidfVectorizer(dtype=np.float32, **whole).fit_transform(documents)
    except ValueError:  # sklearn's word for a vocabulary without a single term
        return sparse.csr_matrix((len(documents), 0), dtype=np.float32)
