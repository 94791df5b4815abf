import re
from pathlib import Path

import pytest

from recsys_assets.config import DEFAULTS_FILE, PROJECT_ROOT, load_config
from recsys_assets.errors import RecsysError


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_defaults_are_those_of_the_file() -> None:
    config = load_config({})
    assert DEFAULTS_FILE == PROJECT_ROOT / "recsys.yaml"
    assert (config.seed, config.split.kind, config.publishing.method) == (42, "auto", "auto")
    assert config.event_types["return"].cancels == "purchase"
    assert config.evaluation.ks == (10, 20)


def test_every_path_lies_in_the_home(tmp_path: Path) -> None:
    config = load_config({"RECSYS_HOME": str(tmp_path / "home")})
    assert config.home == tmp_path / "home"
    paths = (config.warehouse_path, config.landing_path, config.models_path, config.published_path, config.dagster_home)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "home/warehouse.duckdb",
        "home/landing",
        "home/models",
        "home/published",
        "home/dagster",
    ]
    assert not config.home.exists()


def test_the_home_is_data_by_default_and_never_relative(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config({}).home == load_config({"RECSYS_HOME": ""}).home == PROJECT_ROOT / "data"
    assert load_config({"RECSYS_HOME": "here"}).home == tmp_path / "here"


def test_an_own_file_changes_the_keys_it_names_and_no_others(tmp_path: Path) -> None:
    own = write(tmp_path / "own.yaml", "split: {kind: temporal}\nevent_types: {loan: {relevance_label: 2, weight: 1, "
                "consumes: true, repeatable: true}}\n")  # fmt: skip
    config, defaults = load_config({"RECSYS_CONFIG": own}), load_config({})
    assert config.split == defaults.split.model_copy(update={"kind": "temporal"})
    assert config.event_types.keys() == {*defaults.event_types, "loan"}
    assert config.candidates == defaults.candidates


def test_lists_are_replaced_whole(tmp_path: Path) -> None:
    own = write(tmp_path / "own.yaml", "candidates: {sources: [popular, als]}")
    assert load_config({"RECSYS_CONFIG": own}).candidates.sources == ("popular", "als")


def test_the_environment_has_the_last_word(tmp_path: Path) -> None:
    environ = {
        "RECSYS_CONFIG": write(tmp_path / "own.yaml", "seed: 7\nthreads: 1\n"),
        "RECSYS__SEED": "8",
        "RECSYS__CANDIDATES__ALS__FACTORS": "16",
        "RECSYS__EVALUATION__KS": "[5]",
        "RECSYS_SEED": "9",
    }
    config = load_config(environ)
    assert (config.seed, config.threads, config.candidates.als.factors, config.evaluation.ks) == (8, 1, 16, (5,))


@pytest.mark.parametrize(
    ("variable", "value", "key"),
    [
        ("RECSYS__SEDE", "1", "sede"),
        ("RECSYS__SPLIT__KINDS", "auto", "split.kinds"),
        ("RECSYS__CANDIDATES__ALS__FACTOR", "1", "candidates.als.factor"),
    ],
)
def test_an_unknown_key_is_refused_by_name(variable: str, value: str, key: str) -> None:
    sentence = f"Configuration: unknown key '{key}' (recsys.yaml lists every key there is)."
    with pytest.raises(RecsysError, match=f"^{re.escape(sentence)}$"):
        load_config({variable: value})


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("RECSYS__THREADS", "0", "'threads' is 0: input should be greater than or equal to 1"),
        ("RECSYS__SEED", "many", "'seed' is 'many': input should be a valid integer"),
        ("RECSYS__SPLIT__HORIZON_SHARE", "0.5", "'split.horizon_share' is 0.5: input should be less than 0.5"),
        (
            "RECSYS__SPLIT__KIND",
            "random",
            "'split.kind' is 'random': input should be 'auto', 'temporal' or 'leave_last'",
        ),
        ("RECSYS__SPLIT", "temporal", "'split' is 'temporal': "),
        ("RECSYS__EVENT_TYPES__VIEW__WEIGHT", "-1", "'event_types.view.weight' is -1"),
    ],
)
def test_a_value_that_does_not_fit_is_one_sentence_with_key_and_value(variable: str, value: str, sentence: str) -> None:
    with pytest.raises(RecsysError, match=rf"^Configuration: {re.escape(sentence)}[^\n]*\.$"):
        load_config({variable: value})


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(RecsysError, match=r"unknown key 'sede'.*; 'threads' is 0|'threads' is 0.*; unknown key 'sede'"):
        load_config({"RECSYS__SEDE": "1", "RECSYS__THREADS": "0"})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("split: [", "is not valid YAML"),
        ("- a\n- b\n", "must hold keys and values at its top level"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    own = write(tmp_path / "own.yaml", text)
    with pytest.raises(RecsysError, match=rf"^Configuration file {re.escape(own)} {sentence}[^\n]*$"):
        load_config({"RECSYS_CONFIG": own})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.yaml")
    with pytest.raises(RecsysError, match=f"{re.escape(missing)} cannot be read: No such file or directory"):
        load_config({"RECSYS_CONFIG": missing})


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert load_config({"RECSYS_CONFIG": write(tmp_path / "own.yaml", "")}) == load_config({})


def test_the_hash_changes_with_any_setting_that_a_build_could_depend_on(tmp_path: Path) -> None:
    default = load_config({}).config_hash
    assert re.fullmatch("[0-9a-f]{16}", default)
    assert load_config({"RECSYS_HOME": str(tmp_path)}).config_hash == default
    assert load_config({"RECSYS__SERVICE__SESSION_MINUTES": "5"}).config_hash == default
    assert load_config({"RECSYS__SEED": "43"}).config_hash != default
    assert load_config({"RECSYS__CANDIDATES__ALS__ALPHA": "2.0"}).config_hash != default


def test_the_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_config({}).split.kind = "temporal"  # type: ignore[misc]
