"""What libraries say of a full disk is told as one sentence, and nothing else is taken for one."""

import errno
import os

import pytest

from recsys_assets.errors import explain_full_disk


@pytest.mark.parametrize(
    "message",
    [
        str(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/home/models/m1.txt")),
        str(OSError(errno.EFBIG, os.strerror(errno.EFBIG))),
        'Failed to commit: Could not write file "/home/warehouse.duckdb.wal": No space left on device',
        "(sqlite3.OperationalError) database or disk is full\n[SQL: INSERT INTO event_logs VALUES (?)]\n(Background)",
    ],
)
def test_a_full_disk_is_one_sentence(message: str) -> None:
    sentence = explain_full_disk(message)
    assert sentence is not None
    assert sentence.startswith(f"The disk is full or failing ({message.splitlines()[0]}): make room")
    assert "\n" not in sentence


def test_other_faults_are_left_as_they_are() -> None:
    assert explain_full_disk("Binder Error: Referenced column not found") is None
