"""Where trained rankers lie: `models/<model_version>/`, and `models/current.json`, which names the one in use."""

import hashlib
import json
import os
import shutil
from pathlib import Path

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.ranking.ranker import DESCRIPTION_FILE, Ranker, load_ranker
from recsys_assets.ranking.rankers import TrainedRankers
from recsys_assets.sources.forgotten import clear_model

CURRENT_FILE = "current.json"


def store_ranker(config: Config, trained: TrainedRankers) -> str:
    """Save the live ranker and put it into use; the version is a hash of its content, so the same model keeps its name.

    Where nothing could be trained, the version's folder holds a description without boosters.
    """
    models = config.models_path
    unfinished = models / ".unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    if trained.ranker:
        trained.ranker.save(unfinished)
    else:
        (unfinished / DESCRIPTION_FILE).write_text(json.dumps({"objectives": [], "note": trained.note}), "utf-8")
    version = _hash_folder(unfinished)
    final = models / version
    if not final.exists():
        os.replace(unfinished, final)
    shutil.rmtree(unfinished, ignore_errors=True)
    pointer = models / f".{CURRENT_FILE}"
    pointer.write_text(json.dumps({"model_version": version}), "utf-8")
    os.replace(pointer, models / CURRENT_FILE)
    clear_model(config, version)
    for folder in models.iterdir():
        if folder.is_dir() and folder.name != version:
            shutil.rmtree(folder)  # bundles keep their own copy
    return version


def read_current_ranker(config: Config) -> tuple[str, Ranker | None]:
    """The version in use and its ranker; None where nothing could be trained.

    Raises:
        RecsysError: nothing was trained yet, or the folder of the version in use is gone.
    """
    pointer = config.models_path / CURRENT_FILE
    if not pointer.exists():
        raise RecsysError(f"There is no model in {config.models_path} yet: run `recsys build` once.")
    version = json.loads(pointer.read_text("utf-8"))["model_version"]
    folder = config.models_path / version
    if not (folder / DESCRIPTION_FILE).exists():
        raise RecsysError(
            f"The model {version} is no longer in {config.models_path}: run `recsys build` to train again."
        )
    if not json.loads((folder / DESCRIPTION_FILE).read_text("utf-8"))["objectives"]:
        return version, None
    return version, load_ranker(folder)


def _hash_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
