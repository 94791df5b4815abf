"""What counts as relevant in a horizon: the project's own models, on the tiny world by hand."""

from datetime import date
from pathlib import Path

import pytest

from recsys_assets.backtesting.judging import ORIGIN_CUTOFF, write_origin_cutoff
from recsys_assets.backtesting.plan import make_plan
from recsys_assets.backtesting.record import read_record, write_tables_before
from recsys_assets.config import Config
from recsys_assets.defs.runner import run_in_other_home
from recsys_assets.evaluation.model_lists import read_labels
from recsys_assets.sources.landing import load_folder
from recsys_assets.warehouse import open_warehouse

EXTRA = """user_id,item_id,ts,event_type
u01,i02,2024-01-20 00:00:00,purchase
u01,i03,2024-01-26 23:59:59,view
u01,i05,2024-01-27 00:00:00,view
u02,i11,2024-01-21 10:00:00,purchase
u02,i11,2024-01-22 10:00:00,return
u07,i11,2024-01-21 10:00:00,purchase
u07,i11,2024-01-27 10:00:00,return
newcomer,i01,2024-01-21 10:00:00,purchase
"""


@pytest.mark.slow
def test_labels_of_seven_days_of_the_tiny_world(loaded: Config, tmp_path: Path) -> None:
    """Known items, users with a history, nothing consumed before or taken back, from the first instant to the last."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more/events.csv").write_text(EXTRA)
    with open_warehouse(loaded, read_only=True) as connection:
        plan = make_plan(loaded, read_record(connection), date(2024, 1, 20), 7)
    load_folder(loaded, tmp_path / "more", plan.ends_at.replace(year=2025))
    with open_warehouse(loaded, read_only=True) as connection:
        write_tables_before(connection, tmp_path / "future", plan.ends_at, plan.begins_at)
    home = loaded.model_copy(update={"home": tmp_path / "labels"})
    load_folder(home, tmp_path / "future", plan.ends_at)
    with open_warehouse(home) as connection:
        write_origin_cutoff(connection, plan)
    run_in_other_home(home.home, "horizon_labels")
    with open_warehouse(home, read_only=True) as connection:
        labels = read_labels(connection, ORIGIN_CUTOFF)
    assert labels.rows() == [
        ("u01", "i02", 3),  # at the origin's very instant
        ("u01", "i03", 1),  # in the last second; i05 comes at the end's instant, which is none of it
        ("u02", "i12", 3),  # i11 was bought and taken back
        ("u04", "i10", 3),
        ("u05", "i01", 3),
        ("u06", "i10", 1),
        ("u06", "i15", 3),
        ("u07", "i11", 3),  # taken back after the end
        ("u09", "i04", 1),
        ("u09", "i10", 3),
    ]
