"""How long bundles are kept."""

import os
import shutil

from recsys_assets.config import Config
from recsys_assets.publishing.switch import current_bundle, list_builds, publishing_lock

UNFINISHED_PREFIX = ".tmp-"


def apply_retention(config: Config) -> list[str]:
    """Remove all bundles but the newest `publishing.keep_bundles` and the current one, and what dead builds left.

    A reader that has a removed bundle open keeps reading it: the file system keeps an open file's content.

    Returns:
        The ids of the bundles that were removed, the oldest first.
    """
    with publishing_lock(config):
        builds = [manifest.build_id for manifest in list_builds(config)]
        current = current_bundle(config)
        kept = {*builds[-config.publishing.keep_bundles :], current.name if current else None}
        removed = [build_id for build_id in builds if build_id not in kept]
        for build_id in removed:
            # renamed first: a kill in the middle leaves a dead build's folder and no half of a bundle
            os.replace(config.published_path / build_id, config.published_path / f"{UNFINISHED_PREFIX}{build_id}")
        for folder in config.published_path.glob(f"{UNFINISHED_PREFIX}*"):
            shutil.rmtree(folder)
        return removed
