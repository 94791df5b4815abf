from hypothesis import given
from hypothesis import strategies as st

from recsys_assets.service.page.words import Words

LETTERS = st.text("abAB \n", max_size=6)


@given(st.lists(LETTERS, max_size=12), st.lists(st.text("abA", max_size=3), max_size=3))
def test_finds_the_texts_that_hold_every_word(texts: list[str], words: list[str]) -> None:
    wanted = [word.lower() for word in words if word]
    held = [place for place, text in enumerate(texts) if wanted and all(word in text.lower() for word in wanted)]
    assert list(Words(texts).find(words)) == held


def test_no_word_goes_from_one_text_to_the_next() -> None:
    assert list(Words(["ab", "cd", "abcd"]).find(["bc"])) == [2]
