import yaml

from recsys_assets.config import DEFAULTS_FILE, PROJECT_ROOT
from recsys_assets_tests.dbt_project.conftest import DBT_SECTIONS


def test_dbt_knows_the_same_defaults_as_recsys_yaml() -> None:
    defaults = yaml.safe_load(DEFAULTS_FILE.read_text(encoding="utf-8"))
    project = yaml.safe_load((PROJECT_ROOT / "dbt_project" / "dbt_project.yml").read_text(encoding="utf-8"))
    assert project["vars"] == {section: defaults[section] for section in DBT_SECTIONS}
