"""Keys and rates."""

from pathlib import Path

import pytest

from recsys_assets.config import load_config
from recsys_assets.errors import RecsysError
from recsys_assets.service import keys
from recsys_assets.service.keys import RateLimit, add_key, find_key, keys_path, read_keys, remove_key


def test_a_key_is_found_by_its_text_which_is_kept_nowhere(tmp_path: Path) -> None:
    config = load_config({"RECSYS_HOME": str(tmp_path)})
    text = add_key(config, "site", ("read",))
    other = add_key(config, "tracker", ("write",))
    found = find_key(read_keys(config), text)
    assert found
    assert (found.name, found.scopes) == ("site", ("read",))
    assert find_key(read_keys(config), text + "x") is None
    assert text not in keys_path(config).read_text("utf-8")
    assert keys_path(config).stat().st_mode & 0o077 == 0
    remove_key(config, "site")
    assert find_key(read_keys(config), text) is None
    assert find_key(read_keys(config), other)


def test_faults_are_said_in_a_sentence(tmp_path: Path) -> None:
    config = load_config({"RECSYS_HOME": str(tmp_path)})
    add_key(config, "site", ("read",))
    with pytest.raises(RecsysError, match="There is a key 'site' already"):
        add_key(config, "site", ("read",))
    with pytest.raises(RecsysError, match="There is no key 'other'"):
        remove_key(config, "other")
    keys_path(config).write_text("[{]", "utf-8")
    with pytest.raises(RecsysError, match="does not hold keys any more"):
        read_keys(config)


def test_a_rate_is_a_seconds_worth_at_once_and_then_so_many_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(keys.time, "monotonic", lambda: now)
    limit = RateLimit(3)
    assert [limit.allows("a") for _ in range(4)] == [True, True, True, False]
    assert limit.allows("b")
    now += 0.34
    assert [limit.allows("a") for _ in range(2)] == [True, False]
    assert all(RateLimit(0).allows("a") for _ in range(100))
