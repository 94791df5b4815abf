"""The tables that dbt and people's SQL stand on: they are always there, with the columns of the contract."""

from recsys_assets.sources.landing import ingest_landed
from recsys_assets_tests.sources.conftest import NOW, Shop

COLUMNS = {
    "events": "user_id VARCHAR, item_id VARCHAR, ts TIMESTAMP, event_type VARCHAR, value DOUBLE, session_id VARCHAR, "
    "event_id VARCHAR, attributes VARCHAR, file_id VARCHAR, line BIGINT",
    "items": "item_id VARCHAR, title VARCHAR, categories VARCHAR[], creators VARCHAR[], released_at TIMESTAMP, "
    "price DOUBLE, description VARCHAR, available BOOLEAN, attributes VARCHAR, file_id VARCHAR, line BIGINT",
    "users": "user_id VARCHAR, attributes VARCHAR, file_id VARCHAR, line BIGINT",
    "impressions": "list_id VARCHAR, user_id VARCHAR, item_id VARCHAR, position INTEGER, ts TIMESTAMP, "
    "surface VARCHAR, propensity DOUBLE, attributes VARCHAR, file_id VARCHAR, line BIGINT",
    "rejected_rows": "file_id VARCHAR, file_name VARCHAR, table_name VARCHAR, line BIGINT, reason VARCHAR, row VARCHAR",
    "files": "file_id VARCHAR, load_number BIGINT, table_name VARCHAR, file_name VARCHAR, landed_path VARCHAR, "
    "size_bytes BIGINT, rows_read BIGINT, rows_accepted BIGINT, rows_rejected BIGINT, loaded_at TIMESTAMP",
}


def test_all_tables_exist_when_nothing_was_landed(shop: Shop) -> None:
    report = ingest_landed(shop.config, NOW)
    assert (report.files, report.reasons, report.rows_read) == ((), (), 0)
    found = {table: shop.query(f"DESCRIBE raw.{table}") for table in COLUMNS}
    assert {
        table: ", ".join(f"{name} {sql_type}" for name, sql_type, *_ in columns) for table, columns in found.items()
    } == COLUMNS
    assert shop.query("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'raw'") == [(len(COLUMNS),)]


def test_the_ledger_has_a_row_per_file_in_the_order_of_loading(shop: Shop) -> None:
    shop.write("events/b.csv", "user_id,item_id,ts\nu1,i1,2024-01-01\n,i1,2024-01-01\n")
    shop.write("events/a.csv", "user_id,item_id,ts\nu1,i1,2024-01-01\nu2,i1,2024-01-01\n")
    shop.write("items.csv", "item_id,title\ni1,One\n")
    shop.write("users.jsonl", '{"user_id": 1}\n')
    shop.write("impressions.csv", "list_id,user_id,item_id,position,ts\nl1,u1,i1,1,2024-01-01\n")
    counts = [
        (1, "items", "items.csv", 1, 1, 0),
        (2, "users", "users.jsonl", 1, 1, 0),
        (3, "impressions", "impressions.csv", 1, 1, 0),
        (4, "events", "a.csv", 2, 2, 0),
        (5, "events", "b.csv", 2, 1, 1),
    ]
    files = shop.load().files
    assert counts == [
        (number, file.table, file.file_name, file.rows_read, file.rows_accepted, file.rows_rejected)
        for number, file in enumerate(files, start=1)
    ]
    ledger = "load_number, table_name, file_name, rows_read, rows_accepted, rows_rejected"
    assert shop.query(f"SELECT {ledger} FROM raw.files ORDER BY load_number") == counts
    assert shop.query("SELECT DISTINCT loaded_at FROM raw.files") == [(NOW,)]
    assert shop.query("SELECT count(*) FROM raw.events JOIN raw.files USING (file_id)") == [(3,)]
