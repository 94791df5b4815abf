"""Content: what a shared description is worth, and what happens where there is none."""

import numpy as np
import polars as pl
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from recsys_assets.candidates.content import describe_items, fit_content
from recsys_assets.config import load_config
from recsys_assets_tests.candidates.lists import generate_candidates


def described(rows: list[tuple[str, list[str], list[str]]]) -> pl.DataFrame:
    return pl.DataFrame(
        rows,
        {"title": pl.String, "categories": pl.List(pl.String), "creators": pl.List(pl.String)},
        orient="row",
    )


def cosines(rows: list[tuple[str, list[str], list[str]]], title_weight: float = 0.5) -> np.ndarray:
    vectors = describe_items(described(rows), title_weight)
    return np.asarray((vectors @ vectors.T).toarray())


def test_shared_creator_beats_a_shared_word_and_that_beats_nothing(make_history, make_catalogue, tiny_home) -> None:
    history = make_history({"u1": ["liked"], "u2": ["nothing", "word", "creator", "unknown"]}, serve=["u1"])
    catalogue = make_catalogue(
        history,
        titles={"liked": "A long night", "word": "Night train", "creator": "Dust", "nothing": "Rain"},
        creators={"liked": ["Ann"], "word": ["Bob"], "creator": ["Ann"], "nothing": ["Cid"]},
    )
    found = generate_candidates(history, catalogue, fit_content(history, catalogue, tiny_home), 10)
    assert found["item_id"].to_list() == ["creator", "word"]


def test_names_are_whole_and_words_ignore_case() -> None:
    shared_word = cosines([("Red SHOES", [], []), ("red hat", [], [])])
    assert 0 < shared_word[0, 1] < 1
    half_a_name = cosines([("", ["Shoes Red"], []), ("", ["Red"], [])])
    assert half_a_name[0, 1] == 0


def test_cosine_by_hand() -> None:
    # one category in both items, a creator in each: idf of the shared 1, of the others 1 + ln(3/2)
    found = cosines([("", ["film"], ["Ann"]), ("", ["film"], ["Bob"])])
    # each block has rows of length 1, so half of each vector's square is the category
    assert found == pytest.approx(np.array([[1, 0.5], [0.5, 1]]), abs=1e-6)


def test_title_weight_zero_leaves_titles_out() -> None:
    assert cosines([("same", [], ["Ann"]), ("same", [], ["Bob"])], title_weight=0)[0, 1] == 0


@pytest.mark.parametrize("title", ["", "X", "? !"])
def test_nothing_known_of_any_item_gives_no_candidates(make_history, make_catalogue, tiny_home, title) -> None:
    history = make_history({"u1": ["a"], "u2": ["b"]})
    catalogue = make_catalogue(history, titles={"a": title})
    scorer = fit_content(history, catalogue, tiny_home)
    assert scorer(history, np.array([0, 1], np.int32)).tolist() == [[0, 0], [0, 0]]
    assert generate_candidates(history, catalogue, scorer, 5).is_empty()


def test_no_item_at_all_is_no_trouble() -> None:
    assert describe_items(described([]), 0.5).shape == (0, 0)


def test_recent_likes_weigh_more(make_history, make_catalogue) -> None:
    config = load_config({})
    items = ["old", *[f"between{number:02}" for number in range(40)], "new"]
    history = make_history({"u1": items, "u2": ["x", "y"]}, serve=["u1"])
    catalogue = make_catalogue(history, categories={"old": ["a"], "x": ["a"], "new": ["b"], "y": ["b"]})
    scores = fit_content(history, catalogue, config)(history, np.array([0], np.int32))[0]
    by_item = dict(zip(history.item_ids, scores.tolist(), strict=True))
    profile = np.array([2 ** (-41 / 40), 1.0])
    expected = profile / np.linalg.norm(profile)
    assert [by_item["x"], by_item["y"]] == pytest.approx(expected.tolist(), rel=1e-5)


def test_descriptions_are_weighed_as_scikit_learn_weighs_them() -> None:
    titles = ["red shoes red", "blue shoes", "", "a red hat of felt"]
    described_titles = described([(title, [], []) for title in titles])
    vectors = describe_items(described_titles, 1.0)
    words = [[word for word in title.split() if len(word) > 1] for title in titles]
    expected = TfidfVectorizer(analyzer=list).fit_transform(words)
    np.testing.assert_allclose(vectors.toarray(), expected.toarray(), rtol=1e-6)
