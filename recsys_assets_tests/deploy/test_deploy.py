"""`deploy/` and `config/`: what they say of this project is so."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from recsys_assets.config import PROJECT_ROOT, load_config
from recsys_assets.service.measures import Measures
from recsys_assets.streaming.measures import StreamMeasures
from recsys_assets_tests.fixtures.prometheus import ALERTS

DEPLOY = PROJECT_ROOT / "deploy"

ALERT_TESTS = DEPLOY / "prometheus" / "alerts_test.yml"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "recsys.json"
JOBS = {"recsys_service", "recsys_builds", "recsys_stream"}


def alert_rules() -> list[dict[str, object]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def exported(registry: CollectorRegistry) -> Iterator[str]:
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
    for family in registry.collect():
        yield from (family.name + ending for ending in endings.get(family.type, ("",)))


def test_every_metric_that_is_looked_at_is_measured(built_home: Path) -> None:
    families = text_string_to_metric_families((built_home / "metrics" / "recsys.prom").read_text())
    known = {sample.name for family in families for sample in family.samples}
    known |= {*exported(Measures().registry), *exported(StreamMeasures().registry)}
    dashboard = json.loads(DASHBOARD.read_text())
    expressions = [str(rule["expr"]) for rule in alert_rules()]
    expressions += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = {name for expression in expressions for name in re.findall(r"\brecsys_\w+", expression)} - JOBS
    assert len(asked) > 15
    assert asked - known == set()


def test_every_alert_is_provoked_in_a_test_and_explained() -> None:
    names = {str(rule["alert"]) for rule in alert_rules()}
    tests = yaml.safe_load(ALERT_TESTS.read_text())["tests"]
    provoked = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case.get("exp_alerts")}
    quiet = {case["alertname"] for test in tests for case in test["alert_rule_test"] if not case.get("exp_alerts")}
    text = (PROJECT_ROOT / "docs" / "operations.md").read_text()
    assert provoked == quiet == names
    assert {name for name in names if f"| {name} |" not in text} == set()


def test_prometheus_takes_the_rules_and_they_fire_as_they_should() -> None:
    if shutil.which("promtool") is None:
        assert os.environ.get("RECSYS_REQUIRE_PROMETHEUS") != "1", "promtool is not on the PATH"
        pytest.skip("promtool is not on the PATH (Debian's package prometheus has it)")
    for line in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")):
        done = subprocess.run(["promtool", *line], cwd=ALERTS.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("environment", ["local", "staging", "production"])
def test_each_environment_has_a_configuration_that_fits(environment: str, tmp_path: Path) -> None:
    settings = {"RECSYS_HOME": str(tmp_path), "RECSYS_CONFIG": str(PROJECT_ROOT / "config" / f"{environment}.yaml")}
    config = load_config(settings)
    assert config != load_config({"RECSYS_HOME": str(tmp_path)})
    changed = load_config(settings | {"RECSYS__SERVICE__REDIS_URL": "redis://other:6379/0"})
    assert changed.service.redis_url == "redis://other:6379/0"


def test_the_image_is_told_of_every_file_that_it_copies() -> None:
    ignored = (PROJECT_ROOT / ".dockerignore").read_text().splitlines()
    steps = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    copied = {name for step in steps for name in step.split()}
    assert copied == {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert {name for name in copied if not (PROJECT_ROOT / name).exists()} == set()
