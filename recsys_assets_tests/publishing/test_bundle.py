import json
import re
import stat
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from recsys_assets.config import Config, load_config
from recsys_assets.errors import RecsysError
from recsys_assets.publishing.bundle import publish_bundle
from recsys_assets.publishing.manifest import DATABASE_FILE, verify_bundle
from recsys_assets.publishing.switch import current_bundle
from recsys_assets.rating.baselines import fit_mean, load_bias
from recsys_assets.schema import OUTPUT_KEYS, OUTPUT_TABLES
from recsys_assets.warehouse import open_warehouse
from recsys_assets_tests.fixtures.published_world import describe, make_warehouse, publish

MARCH = datetime(2024, 3, 1, 12, 30, 5)
LATER_FEATURES = {
    "user_features": [("n_events", "BIGINT")],
    "item_features": [("n_users", "BIGINT"), ("price", "DOUBLE")],
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One bundle for all tests that only read it."""
    config = load_config({"RECSYS_HOME": str(tmp_path_factory.mktemp("home"))})
    make_warehouse(config)
    return publish(config, MARCH)


@pytest.fixture
def bundle(tiny_home: Config) -> Path:
    """A bundle in this test's own home."""
    make_warehouse(tiny_home)
    return publish(tiny_home, MARCH)


def read(bundle: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(bundle / DATABASE_FILE), read_only=True) as connection:
        return connection.execute(query).fetchall()


def change(config: Config, statement: str) -> None:
    with open_warehouse(config) as connection:
        connection.execute(statement)


@pytest.mark.parametrize("table", OUTPUT_TABLES)
def test_every_table_has_exactly_the_columns_of_the_contract(published: Path, table: str) -> None:
    described = [(name, kind) for name, kind, *_ in read(published, f"DESCRIBE {table}")]
    assert described == [*OUTPUT_TABLES[table], *LATER_FEATURES.get(table, [])]


@pytest.mark.parametrize("table", OUTPUT_TABLES)
def test_rows_lie_in_the_order_of_their_key(published: Path, table: str) -> None:
    key = ", ".join(f"{name} NULLS FIRST" for name in OUTPUT_KEYS[table])
    assert read(published, f"SELECT rowid FROM {table} ORDER BY {key}") == read(published, f"SELECT rowid FROM {table}")


def test_a_large_table_lies_in_the_order_of_its_key_too(tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    change(
        tiny_home,
        """INSERT INTO publishing.similar_items
           SELECT 'x' || hash(range) % 5000, range, 'y', NULL, 0 FROM range(400000)""",
    )
    bundle = publish(tiny_home, MARCH)
    out_of_order = """
        SELECT count(*)
        FROM (SELECT item_id, rank, lag(item_id) OVER rows AS item_before, lag(rank) OVER rows AS rank_before
              FROM similar_items WINDOW rows AS (ORDER BY rowid))
        WHERE item_before > item_id OR (item_before = item_id AND rank_before >= rank)"""
    assert read(bundle, out_of_order) == [(0,)]


def test_recommendations_carry_the_build_and_the_model(published: Path) -> None:
    rows = read(published, "SELECT user_id, surface, rank, item_id, model_version, build_id FROM recommendations")
    assert rows == [
        ("u1", "for_you", 1, "i3", "m1", published.name),
        ("u1", "for_you", 2, "i4", "m1", published.name),
        ("u1", "trending", 1, "i4", "m1", published.name),
        ("u2", "for_you", 1, "i4", "m1", published.name),
    ]


def test_only_the_live_features_are_published(published: Path) -> None:
    assert read(published, "SELECT * FROM user_features") == [("u1", 6), ("u2", 1)]
    assert read(published, "SELECT * FROM item_features WHERE item_id = 'i1'") == [("i1", 2, 25.0)]


def test_tables_for_the_trace_hold_the_recommended_pairs_alone(published: Path) -> None:
    assert read(published, "SELECT user_id, item_id, rank_als FROM recommendation_candidates") == [
        ("u1", "i3", 1),
        ("u1", "i4", None),
    ]
    assert read(published, "SELECT user_id, item_id FROM recommendation_features") == [("u1", "i3"), ("u1", "i4")]


def test_a_warehouse_without_tables_for_the_trace_is_published_all_the_same(tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    change(tiny_home, "DROP TABLE publishing.recommendation_features")
    bundle = publish(tiny_home, MARCH)
    tables = {name for (name,) in read(bundle, "SELECT table_name FROM duckdb_tables()")}
    assert tables == {*OUTPUT_TABLES, "recommendation_candidates"}


def test_builds_tells_the_history_of_bundles_that_are_gone(tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    days = [datetime(2024, 3, day) for day in (1, 2, 3)]
    bundles = []
    for day in days:
        bundles.append(publish(tiny_home, day, gate_passed=day.day != 2))
        if day.day == 2:  # as retention leaves it
            bundles[0].rename(tiny_home.home / "elsewhere")
    rows = read(bundles[2], "SELECT build_id, created_at, gate_passed, row_counts['recommendations'] FROM builds")
    assert rows == [(bundles[n].name, days[n], n != 1, 4) for n in range(3)]


def test_a_damaged_older_bundle_keeps_its_row_and_stops_nobody(tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    first = publish(tiny_home, datetime(2024, 3, 1))
    (first / DATABASE_FILE).chmod(0o644)
    (first / DATABASE_FILE).write_bytes(b"not a database")
    second = publish(tiny_home, datetime(2024, 3, 2))
    assert read(second, "SELECT build_id FROM builds") == [(first.name,), (second.name,)]


def test_a_build_is_put_into_use_under_a_name_of_its_time(tiny_home: Config, bundle: Path) -> None:
    assert re.fullmatch(r"20240301T123005Z-[0-9a-f]{6}", bundle.name)
    assert (tiny_home.published_path / "current").readlink() == Path(bundle.name)
    assert current_bundle(tiny_home) == bundle


def test_two_builds_of_one_second_have_two_names(tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    assert len({publish(tiny_home, MARCH).name for _ in range(2)}) == 2


def test_published_files_are_read_only(published: Path) -> None:
    files = [path for path in published.rglob("*") if path.is_file()]
    names = {path.relative_to(published).as_posix() for path in files}
    results = {name for name in names if name.startswith("model_evaluation_results/")}
    assert names - results == {
        "manifest.json",
        "recsys.duckdb",
        "models/ranker/ranker.json",
        "models/ranker/lambdarank.txt",
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o444}


def test_older_clients_can_read_the_file(published: Path) -> None:
    quoted = str(published / DATABASE_FILE)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{quoted}' AS bundle (READ_ONLY)")
        tags = connection.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 'bundle'").fetchone()
    assert tags == ({"storage_version": "v1.2.0+"},)


def test_the_same_warehouse_gives_the_same_rows(tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    first, second = publish(tiny_home, MARCH), publish(tiny_home, MARCH)
    for table in OUTPUT_TABLES.keys() - {"builds"}:
        without = "EXCLUDE (build_id)" if table == "recommendations" else ""
        query = f"SELECT * {without} FROM {table} ORDER BY rowid"
        assert read(first, query) == read(second, query)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "DROP TABLE evaluation.model_report",
            "The warehouse has no table evaluation.model_report to publish: run `recsys build`.",
        ),
        (
            "ALTER TABLE publishing.recommendations DROP COLUMN reason",
            "Table publishing.recommendations of the warehouse lacks reason: run `recsys build`.",
        ),
    ],
)
def test_an_incomplete_warehouse_leaves_the_bundle_before_in_use(
    tiny_home: Config, bundle: Path, statement: str, sentence: str
) -> None:
    change(tiny_home, statement)
    with pytest.raises(RecsysError, match=re.escape(sentence)):
        publish(tiny_home, datetime(2024, 3, 2))
    assert current_bundle(tiny_home) == bundle
    assert {path.name for path in tiny_home.published_path.iterdir()} == {".lock", "current", bundle.name}


def test_a_missing_model_is_named(tiny_home: Config, bundle: Path) -> None:
    with pytest.raises(RecsysError, match="There is no model m9 in the models folder: run `recsys build` first"):
        publish(tiny_home, datetime(2024, 3, 2), model_version="m9")
    assert current_bundle(tiny_home) == bundle


def test_a_bundle_is_never_written_twice(tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    with open_warehouse(tiny_home) as connection:
        build = describe(tiny_home, connection, MARCH)
        publish_bundle(tiny_home, connection, build)
        with pytest.raises(RecsysError, match=f"Bundle {build.build_id} is published already"):
            publish_bundle(tiny_home, connection, build)


def test_the_connection_is_left_as_it_was(tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    with open_warehouse(tiny_home) as connection:
        before = connection.execute("SELECT database_name FROM duckdb_databases() ORDER BY ALL").fetchall()
        publish_bundle(tiny_home, connection, describe(tiny_home, connection, MARCH))
        assert connection.execute("SELECT database_name FROM duckdb_databases() ORDER BY ALL").fetchall() == before
        assert connection.execute("SELECT current_setting('preserve_insertion_order')").fetchone() == (False,)


def test_each_model_of_the_report_leaves_its_metrics_and_they_are_the_tables(published: Path) -> None:
    files = sorted((published / "model_evaluation_results").rglob("metrics.json"))
    rows = []
    for file in files:
        told = json.loads(file.read_text(encoding="utf-8"))
        assert file.parent.name == told["model"]
        rows += [(told["model"], *metric.values()) for metric in told["metrics"]]
    table = read(published, "SELECT model, * EXCLUDE (model) FROM model_report ORDER BY model, metric, k, cutoff")
    assert rows == table
    assert len({row[0] for row in rows}) == len(files) > 1


def test_what_was_fitted_lies_beside_the_ranker_and_is_in_the_manifest(tiny_home: Config) -> None:
    make_warehouse(tiny_home)
    fit_mean(pl.DataFrame({"user_id": ["u"], "item_id": ["i"], "value": [4.0]})).save(
        tiny_home.fitted_path / "rating_mean"
    )
    bundle = publish(tiny_home, MARCH)
    assert load_bias(bundle / "models" / "rating_mean").mean == 4.0
    assert "models/rating_mean/model.json" in verify_bundle(bundle).files
