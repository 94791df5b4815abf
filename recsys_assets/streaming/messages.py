"""A message of a topic as a line of JSON, whatever it holds."""

import json
from typing import Final

from recsys_assets.sources.contract import REJECTED

_LONGEST_KEPT: Final = 10_000  # characters of a message that is no row: what the rejected rows keep of it


def to_line(topic: str, partition: int, offset: int, value: bytes | None) -> str:
    """The line that the inbox gets: the message, or what the loader makes a rejected row of, with its place.

    A message holds one row of the input contract as a JSON object.
    """
    if not value:
        return _refuse(topic, partition, offset, "", "it is empty")
    try:
        text = value.decode()
        record = json.loads(text)
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, or numbers and depths beyond all sense
        return _refuse(topic, partition, offset, value.decode(errors="replace"), f"it is not JSON ({error})")
    if not isinstance(record, dict):
        return _refuse(topic, partition, offset, text, "it is not a JSON object")
    return json.dumps(record) if "\n" in text or "\r" in text else text


def _refuse(topic: str, partition: int, offset: int, text: str, why: str) -> str:
    reason = f"Message {offset} of topic {topic}, partition {partition}: {why}"
    return json.dumps({"message": text[:_LONGEST_KEPT], REJECTED: reason})
