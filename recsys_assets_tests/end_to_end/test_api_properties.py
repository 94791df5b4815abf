"""Requests that nobody would write by hand, made from the service's own description: none may end in a 5xx."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from recsys_assets_tests.end_to_end.bundles import copy_published
from recsys_assets_tests.end_to_end.servers import Server, serve

EXAMPLES = 60  # an operation

Statuses = Counter[tuple[str, int]]


@pytest.mark.slow
def test_no_request_is_the_services_fault(built_home: Path, tmp_path: Path) -> None:
    with serve(copy_published(built_home, tmp_path)) as server:
        statuses = ask_everything(server)
    answered = {label for label, status in statuses if status in (200, 202)}
    assert {"GET /v1/users/{user_id}/recommendations", "POST /v1/rank", "POST /v1/events"} <= answered


def ask_everything(server: Server) -> Statuses:
    """Many requests of every operation; the statuses of their answers."""
    statuses: Statuses = Counter()
    for found in schemathesis.openapi.from_url(f"{server.http.base_url}/openapi.json").get_all_operations():
        ask_operation(found.ok(), statuses)
    return statuses


def ask_operation(operation: Any, statuses: Statuses) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        answer = case.call()
        statuses[operation.label, answer.status_code] += 1
        assert answer.status_code < 500, f"{operation.label}: {answer.text}"

    check()
