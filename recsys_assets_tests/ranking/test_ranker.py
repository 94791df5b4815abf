"""The ranker: what a score is made of, and that it survives being stored."""

import json
from dataclasses import replace

import numpy as np
import pytest

from recsys_assets.ranking.ranker import DESCRIPTION_FILE, combine_parts, load_ranker, user_scale


def test_stored_and_loaded_it_gives_the_same_bits(ranker, learnable_frame, tmp_path) -> None:
    frame = learnable_frame(3)
    ranker.save(tmp_path / "model")
    loaded = load_ranker(tmp_path / "model")
    assert loaded.score(frame.features, frame.group).tobytes() == ranker.score(frame.features, frame.group).tobytes()
    assert loaded.feature_names == ranker.feature_names
    assert loaded.part_names == ranker.part_names == ("lambdarank", "rank_xendcg", "binary", "fused_score")
    loaded.save(tmp_path / "again")
    for path in (tmp_path / "model").iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_a_row_scores_the_same_alone_on_its_users_scale(ranker, learnable_frame) -> None:
    frame = learnable_frame(3)
    mean, deviation = user_scale(ranker.part_values(frame.features), frame.group)
    scores = ranker.score(frame.features, frame.group)
    for row in (0, 7, 599):
        user = frame.qid[row]
        alone = ranker.part_values(frame.features[row : row + 1])
        again = combine_parts(alone, mean[user : user + 1], deviation[user : user + 1], ranker.part_weights)
        assert again.tobytes() == scores[row : row + 1].tobytes()


def test_users_do_not_touch_each_other(ranker, learnable_frame) -> None:
    frame = learnable_frame(3)
    alone = ranker.score(frame.features[:10], frame.group[:1])
    assert alone == pytest.approx(ranker.score(frame.features, frame.group)[:10], abs=1e-12)


def test_contributions_add_up_to_the_difference_of_two_rows_of_a_user(ranker, learnable_frame) -> None:
    frame = learnable_frame(3)
    scores = ranker.score(frame.features, frame.group)
    mean, deviation = user_scale(ranker.part_values(frame.features), frame.group)
    for user in range(5):
        first, other = 10 * user, 10 * user + 6
        sums = [
            sum(ranker.contributions(frame.features[row], mean[user], deviation[user]).values())
            for row in (first, other)
        ]
        assert sums[0] - sums[1] == pytest.approx(scores[first] - scores[other], abs=1e-6)
    assert list(ranker.contributions(frame.features[0], mean[0], deviation[0])) == list(ranker.feature_names)


def test_user_scale_by_hand() -> None:
    values = np.array([[1.0, 5.0], [3.0, 5.0], [10.0, 0.0]])
    mean, deviation = user_scale(values, np.array([2, 1]))
    assert mean.tolist() == [[2, 5], [10, 0]]
    assert deviation.tolist() == [[1, 1], [1, 1]]  # 1 where a part is the same for all of the user's rows
    repeated = (np.repeat(scale, [2, 1], axis=0) for scale in (mean, deviation))
    assert combine_parts(values, *repeated, (1.0, 5.0)).tolist() == [-1, 1, 0]


def test_user_scale_of_nobody() -> None:
    mean, deviation = user_scale(np.empty((0, 4)), np.empty(0, np.int64))
    assert mean.shape == deviation.shape == (0, 4)


def test_nothing_to_score_gives_no_scores(ranker) -> None:
    assert ranker.score(np.empty((0, 3), np.float32), np.empty(0, np.int64)).shape == (0,)


def test_importance_adds_up(ranker) -> None:
    gains, splits = ranker.gains(), ranker.splits()
    assert sum(gains.values()) == pytest.approx(1)
    assert max(gains, key=gains.__getitem__) == "score_popular"  # what the labels follow
    assert sum(splits.values()) == sum(
        tree["num_leaves"] - 1
        for booster in ranker.boosters.values()
        for tree in booster.dump_model(num_iteration=booster.best_iteration)["tree_info"]
    )


def test_the_fusions_weight_scales_its_part(ranker, learnable_frame) -> None:
    frame = learnable_frame(3)
    scores = [replace(ranker, fusion_weight=weight).score(frame.features, frame.group) for weight in (0.0, 1.0, 3.0)]
    assert scores[2] - scores[0] == pytest.approx(3 * (scores[1] - scores[0]), abs=1e-9)
    names = ("score_popular", "other", "user_age")
    assert replace(ranker, feature_names=names).part_names == tuple(ranker.boosters)


def test_a_ranker_from_before_the_fusion_had_a_part_can_still_be_read(ranker, tmp_path) -> None:
    ranker.save(tmp_path)
    described = json.loads((tmp_path / DESCRIPTION_FILE).read_text(encoding="utf-8"))
    del described["fusion_weight"]
    (tmp_path / DESCRIPTION_FILE).write_text(json.dumps(described), encoding="utf-8")
    assert load_ranker(tmp_path).fusion_weight == 0
