"""The sentence that a failed step leaves."""

import errno

from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._utils.error import serializable_error_info_from_exc_info

from recsys_assets.defs.failures import explain_error
from recsys_assets.errors import StorageError


def explain(error: BaseException) -> str:
    try:
        try:
            raise error
        except BaseException as cause:
            raise RuntimeError("Error occurred while executing op") from cause
    except RuntimeError as wrapped:
        return explain_error(serializable_error_info_from_exc_info((type(wrapped), wrapped, wrapped.__traceback__)))


def test_the_root_is_told_with_its_type() -> None:
    assert explain(ValueError("3 rows,\n4 labels")) == "ValueError: 3 rows, 4 labels"


def test_a_sentence_of_ours_is_told_as_it_is_whatever_it_was_made_from() -> None:
    error = StorageError("The disk is full: make room.")
    error.__cause__ = OSError(errno.EIO, "Input/output error")
    assert explain(error) == "The disk is full: make room."


def test_a_full_disk_is_told_with_what_to_do() -> None:
    assert "make room" in explain(OSError(errno.ENOSPC, "No space left on device"))


def test_nothing_known_is_said_so() -> None:
    assert explain_error(None) == "unknown reason"


def test_an_interrupt_is_no_fault() -> None:
    for error in (KeyboardInterrupt(), DagsterExecutionInterruptedError()):
        assert explain(error) == "It was interrupted; the next run takes up its work."
