"""The measurement of the intake posts what it says it does."""

from benchmarks.intake import ROWS, measure_intake
from recsys_assets_tests.service.conftest import inbox, records


def test_every_post_is_measured_and_kept(tiny_home) -> None:
    speed = measure_intake(tiny_home, n_clients=2, n_posts=3)
    assert len(records(inbox(tiny_home))) == 3 * ROWS
    assert 0 < speed.median_ms <= speed.p99_ms
    assert speed.events_per_second > 0
