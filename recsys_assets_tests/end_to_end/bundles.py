"""Published bundles for a service to serve: copies of the simulated shop's, as they are or changed."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from recsys_assets.config import load_config
from recsys_assets.publishing.manifest import describe_files, read_manifest, write_manifest
from recsys_assets.publishing.switch import switch_to


def now() -> str:
    return datetime.now(UTC).isoformat()


def copy_published(built_home: Path, home: Path) -> Path:
    shutil.copytree(built_home / "published", home / "published", symlinks=True)
    return home


def current(home: Path) -> Path:
    return (home / "published/current").resolve()


def change_bundle(home: Path, build_id: str, change: Callable[[Path], None], **manifest: object) -> None:
    """Publish a copy of the bundle in use under another name, after a change."""
    bundle, copy = current(home), home / "published" / build_id
    shutil.copytree(bundle, copy)
    for path in copy.rglob("*"):
        path.chmod(0o755)
    change(copy)
    update = {"build_id": build_id, "files": describe_files(copy), **manifest}
    write_manifest(copy, read_manifest(bundle).model_copy(update=update))
    switch_to(load_config({"RECSYS_HOME": str(home)}), build_id)
