import os
import signal
from collections.abc import Iterator

import pytest

from recsys_assets.interrupts import interrupt_as_python_has_it, interrupt_held


@pytest.fixture(autouse=True)
def python_handler() -> Iterator[None]:
    """Python's own, whoever started the tests: a shell's background process ignores interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_waits_for_the_end_of_the_block_and_then_comes() -> None:
    done = []

    @interrupt_held()
    def step() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        done.append("the rest of the block")

    with pytest.raises(KeyboardInterrupt):
        step()
    assert done == ["the rest of the block"]
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_an_error_of_the_block_is_told_rather_than_the_interrupt() -> None:
    @interrupt_held()
    def step() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        step()


def test_a_block_without_an_interrupt_ends_in_silence_and_leaves_the_handler_as_it_was() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interrupt_held():
        pass
    assert signal.getsignal(signal.SIGINT) is before


def test_where_interrupts_are_ignored_they_stay_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupt_held():
        os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_is_pythons_within_and_what_it_was_after() -> None:
    def raise_another(*_: object) -> None:
        raise RuntimeError("as Dagster has it")

    ended = signal.getsignal(signal.SIGTERM)
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, raise_another)
            with pytest.raises(KeyboardInterrupt), interrupt_as_python_has_it():
                os.kill(os.getpid(), number)
            with pytest.raises(RuntimeError):
                os.kill(os.getpid(), number)
    finally:
        signal.signal(signal.SIGTERM, ended)
