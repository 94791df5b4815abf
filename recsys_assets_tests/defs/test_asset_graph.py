"""The graph that people see: a change of keys, groups, checks or jobs is a change of what they rely on."""

from pathlib import Path

import dagster as dg
import pytest

from recsys_assets.config import load_config
from recsys_assets.defs.project import prepare_manifest
from recsys_assets.schema import OUTPUT_TABLES

EXPECTED = Path(__file__).with_name("asset_graph.txt")


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    prepare_manifest(load_config())
    from recsys_assets.definitions import defs

    return defs


def test_keys_groups_and_own_checks_are_as_committed(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    lines = [f"{graph.get(key).group_name}: {key.to_user_string()}" for key in graph.get_all_asset_keys()]
    own = {"raw", "evaluation", "publishing"}
    lines += [
        f"check: {check.asset_key.to_user_string()} {check.name}"
        for check in graph.asset_check_keys
        if check.name == "no_future_features" or (check.asset_key.path[0] in own and "source_" not in check.name)
    ]
    lines += [f"job: {job.name}" for job in definitions.resolve_all_job_defs() if not job.name.startswith("__")]
    assert sorted(lines) == EXPECTED.read_text(encoding="utf-8").splitlines()


def test_every_asset_says_whose_it_is_and_what_a_row_is(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    unowned = [key for key in graph.get_all_asset_keys() if not graph.get(key).owners]
    undescribed = [key for key in graph.get_all_asset_keys() if not graph.get(key).description]
    assert (unowned, undescribed) == ([], [])


def test_what_is_published_has_a_freshness_policy(definitions: dg.Definitions) -> None:
    published = [spec for spec in definitions.resolve_all_asset_specs() if spec.group_name == "publishing"]
    assert len(published) == 4
    assert all(spec.freshness_policy for spec in published)


def test_refresh_trains_nothing(definitions: dg.Definitions) -> None:
    refreshed = definitions.resolve_job_def("refresh").asset_layer.executable_asset_keys
    assert dg.AssetKey(["ranking", "scored_candidates"]) in refreshed
    assert dg.AssetKey(["ranking", "ranker_lists"]) not in refreshed
    assert not any(key.path[0] == "evaluation" for key in refreshed)


def test_a_bundle_waits_for_every_table_that_it_holds(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    parents = graph.get(dg.AssetKey(["publishing", "bundle"])).parent_keys
    assert parents <= graph.get_all_asset_keys()
    assert {key.path[-1] for key in parents} == set(OUTPUT_TABLES) - {"builds"}
