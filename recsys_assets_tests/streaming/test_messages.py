import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_assets.sources.contract import REJECTED
from recsys_assets.streaming.messages import to_line


def test_a_row_is_passed_on_as_it_came() -> None:
    assert to_line("t", 0, 5, b'{"user_id": "u",  "value": 1.50}') == '{"user_id": "u",  "value": 1.50}'


def test_a_row_over_several_lines_becomes_one() -> None:
    assert to_line("t", 0, 5, b'{\n "user_id": "u"\r\n}') == '{"user_id": "u"}'


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "it is empty"),
        (b"", "it is empty"),
        (b"clicked", "it is not JSON"),
        (b"\xff\xfe", "it is not JSON"),
        (b"[1, 2]", "it is not a JSON object"),
        (b"9" * 5000, "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
    ],
)
def test_what_is_no_row_says_where_it_was(value: bytes | None, why: str) -> None:
    refused = json.loads(to_line("clicks", 3, 17, value))
    assert refused[REJECTED].startswith(f"Message 17 of topic clicks, partition 3: {why}")
    assert len(refused["message"]) <= 10_000


@given(st.binary())
def test_any_bytes_become_one_line_of_json(value: bytes) -> None:
    line = to_line("t", 0, 1, value)
    assert "\n" not in line
    assert isinstance(json.loads(line), dict)
