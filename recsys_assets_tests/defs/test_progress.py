"""What a person sees while a run works."""

import time

from recsys_assets.defs import progress


def test_a_long_silence_is_broken_and_a_short_one_is_not(capsys, monkeypatch) -> None:
    terminal = progress.Terminal()
    with terminal.sign_of_life():
        time.sleep(1.5)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "LONGEST_SILENCE", 0.5)
    with terminal.sign_of_life():
        time.sleep(1.5)
    assert capsys.readouterr().err.startswith("    ... at work for ")
