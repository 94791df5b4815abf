import time

import dagster as dg
import pytest

from benchmarks.ours import sum_steps
from recsys_assets.defs.progress import progress_logger

PROGRESS = """\
  > raw_tables
  . raw_tables (1.0 s)
  > warehouse
  . warehouse (20.0 s)
    12 sources
  . candidate_sources (4.0 s)
  . publishing__similar_items (100.0 s)
  . evaluation__candidate_report (100.0 s)
  . features__user_item_features_no_future_features (100.0 s)
  . ranking__ranker_lists (2.5 s)
  . evaluation__model_report (100.0 s)
  . publishing__recommendations (1.5 s)
  . publishing__bundle (100.0 s)
"""


def test_the_time_from_the_warehouse_to_the_lists_leaves_reports_out() -> None:
    assert sum_steps(PROGRESS) == 4.0 + 2.5 + 1.5


def test_without_the_two_steps_nothing_is_said() -> None:
    assert sum_steps(PROGRESS.replace("warehouse", "other")) is None


def test_a_build_tells_its_steps_in_this_form(capsys: pytest.CaptureFixture[str]) -> None:
    @dg.op(name="warehouse")
    def make_warehouse() -> int:
        return 1

    @dg.op(name="publishing__recommendations")
    def make_lists(made: int) -> None:
        time.sleep(0.2)

    @dg.job(logger_defs={"progress": progress_logger})
    def build() -> None:
        make_lists(make_warehouse())

    build.execute_in_process(run_config={"loggers": {"progress": {}}})
    assert sum_steps(capsys.readouterr().err) == pytest.approx(0.2, abs=0.15)
