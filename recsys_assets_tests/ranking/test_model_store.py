"""Where models lie: names by content, the switch, and what is said where there is none."""

import json
import os
import shutil
from pathlib import Path

import pytest

from recsys_assets.errors import RecsysError
from recsys_assets.ranking import model_store
from recsys_assets.ranking.model_store import read_current_ranker, store_ranker
from recsys_assets.ranking.ranker import Ranker
from recsys_assets.ranking.rankers import TrainedRankers


def trained(ranker: Ranker | None, note: str = "") -> TrainedRankers:
    return TrainedRankers(ranker, None, None, note)


def with_fewer_parts(ranker: Ranker, n: int) -> Ranker:
    return Ranker(ranker.feature_names, dict(list(ranker.boosters.items())[:n]))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_same_content_has_the_same_name_and_other_content_another(ranker, tiny_home) -> None:
    first = store_ranker(tiny_home, trained(ranker))
    assert store_ranker(tiny_home, trained(ranker)) == first
    other = store_ranker(tiny_home, trained(with_fewer_parts(ranker, 2)))
    assert other != first
    assert len(first) == 12
    assert names(tiny_home.models_path) == {other, "current.json"}  # nothing is left lying about


def test_what_was_stored_is_in_use(ranker, tiny_home, learnable_frame) -> None:
    frame = learnable_frame(3)
    version = store_ranker(tiny_home, trained(ranker))
    current, loaded = read_current_ranker(tiny_home)
    assert current == version
    assert loaded is not None
    assert loaded.score(frame.features, frame.group).tobytes() == ranker.score(frame.features, frame.group).tobytes()


def test_where_nothing_was_trained_there_is_a_version_and_no_ranker(tiny_home) -> None:
    version = store_ranker(tiny_home, trained(None, "No ranker: 3 users."))
    assert read_current_ranker(tiny_home) == (version, None)
    description = json.loads((tiny_home.models_path / version / "ranker.json").read_text())
    assert description == {"objectives": [], "note": "No ranker: 3 users."}


@pytest.mark.parametrize("dies_at", [1, 2])
def test_a_store_that_dies_leaves_the_old_model_in_use_and_the_next_one_works(
    ranker, tiny_home, monkeypatch, dies_at
) -> None:
    old = store_ranker(tiny_home, trained(ranker))
    new = trained(with_fewer_parts(ranker, 2))
    moves: list[str] = []

    def die(source, target) -> None:
        moves.append(str(target))
        if len(moves) == dies_at:
            raise KeyboardInterrupt
        os.rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(model_store.os, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            store_ranker(tiny_home, new)
    assert len(moves) == dies_at
    version, loaded = read_current_ranker(tiny_home)
    assert version == old
    assert loaded is not None
    assert loaded.part_names == ranker.part_names
    version = store_ranker(tiny_home, new)
    assert names(tiny_home.models_path) == {version, "current.json"}


def test_no_model_yet_says_what_to_do(tiny_home) -> None:
    with pytest.raises(RecsysError, match=r"There is no model in .*: run `recsys build` once\."):
        read_current_ranker(tiny_home)


def test_a_model_that_was_deleted_says_what_to_do(ranker, tiny_home) -> None:
    version = store_ranker(tiny_home, trained(ranker))
    shutil.rmtree(tiny_home.models_path / version)
    with pytest.raises(RecsysError, match=f"The model {version} is no longer in .*: run `recsys build` to train again"):
        read_current_ranker(tiny_home)
