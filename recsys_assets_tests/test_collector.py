"""What is loaded is left alone, and the collector works on."""

import gc

import pytest

from recsys_assets.collector import loading


def test_nothing_is_collected_while_something_is_loaded_and_what_it_left_stays() -> None:
    before = gc.get_freeze_count()
    with loading():
        assert not gc.isenabled()
        loaded: list[object] = []
        loaded.append(loaded)
    assert gc.isenabled()
    assert gc.get_freeze_count() > before


def test_it_works_on_though_the_loading_failed() -> None:
    with pytest.raises(ImportError), loading():
        raise ImportError
    assert gc.isenabled()


def test_who_had_it_off_has_it_off() -> None:
    with loading():
        with loading():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
