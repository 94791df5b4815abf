"""The graph that people see: a change of keys, groups, checks or jobs is a change of what they rely on."""

from pathlib import Path

import dagster as dg

from recsys_assets.schema import OUTPUT_TABLES

EXPECTED = Path(__file__).with_name("asset_graph.txt")


def test_keys_groups_and_own_checks_are_as_committed(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    lines = [f"{graph.get(key).group_name}: {key.to_user_string()}" for key in graph.get_all_asset_keys()]
    own = {"raw", "evaluation", "publishing"}
    lines += [
        f"check: {check.asset_key.to_user_string()} {check.name}"
        for check in graph.asset_check_keys
        if check.name == "no_future_features" or (check.asset_key.path[0] in own and "source_" not in check.name)
    ]
    lines += [f"sensor: {sensor.name}" for sensor in definitions.sensors or ()]
    lines += [f"schedule: {schedule.name} {schedule.cron_schedule}" for schedule in definitions.schedules or ()]
    lines += [f"job: {job.name}" for job in definitions.resolve_all_job_defs() if not job.name.startswith("__")]
    assert sorted(lines) == EXPECTED.read_text(encoding="utf-8").splitlines()


def test_every_asset_says_whose_it_is_and_what_a_row_is(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    unowned = [key for key in graph.get_all_asset_keys() if not graph.get(key).owners]
    undescribed = [key for key in graph.get_all_asset_keys() if not graph.get(key).description]
    assert (unowned, undescribed) == ([], [])


def test_only_health_is_made_by_the_clock_so_that_nothing_runs_twice(definitions: dg.Definitions) -> None:
    automated = [spec.key for spec in definitions.resolve_all_asset_specs() if spec.automation_condition]
    assert automated == [dg.AssetKey(["health", "assets"])]


def test_what_is_published_has_a_freshness_policy(definitions: dg.Definitions) -> None:
    published = [spec for spec in definitions.resolve_all_asset_specs() if spec.group_name == "publishing"]
    assert len(published) == 4
    assert all(spec.freshness_policy for spec in published)


def test_refresh_trains_nothing(definitions: dg.Definitions) -> None:
    refreshed = definitions.resolve_job_def("refresh").asset_layer.executable_asset_keys
    assert dg.AssetKey(["ranking", "scored_candidates"]) in refreshed
    assert dg.AssetKey(["ranking", "ranker_lists"]) not in refreshed
    measured = {"feature_drift", "list_churn"}  # they move on while the model stays
    assert {key.path[1] for key in refreshed if key.path[0] == "evaluation"} == measured


def test_a_backtest_is_part_of_no_build(definitions: dg.Definitions) -> None:
    key = dg.AssetKey(["evaluation", "backtest"])
    for name in ("build", "refresh"):
        assert key not in definitions.resolve_job_def(name).asset_layer.executable_asset_keys
    backtest = definitions.resolve_job_def("backtest")
    assert backtest.asset_layer.executable_asset_keys == {key}
    assert backtest.partitions_def is not None
    assert {"1970-01-01", "2011-12-09"} <= set(backtest.partitions_def.get_partition_keys())


def test_the_warehouse_is_free_while_a_backtest_builds(definitions: dg.Definitions) -> None:
    nodes = definitions.resolve_job_def("backtest").all_node_defs
    pools = {node.name: node.pool for node in nodes if isinstance(node, dg.OpDefinition)}
    assert set(pools) == {"cut_history", "build_and_judge", "write_tables"}
    assert set(pools.values()) == {"backtest"}


def test_a_bundle_waits_for_every_table_that_it_holds_and_for_the_gates(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    parents = graph.get(dg.AssetKey(["publishing", "bundle"])).parent_keys
    assert parents <= graph.get_all_asset_keys()
    gated = {"feature_drift", "list_churn"}
    assert {key.path[-1] for key in parents} == (set(OUTPUT_TABLES) - {"builds"}) | gated
