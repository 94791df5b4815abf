"""`recsys forget`: a user goes from everywhere in the home, and does not come back with a file that is loaded again.

First a tombstone is written, then every place is swept of whoever has one: landed files and warehouse, bundles, fitted
models, leftovers. Each step ends in one rename and finds by itself what is left to do, so an erasure that was killed
goes on where it was, by the hashes alone. Until its end nothing is loaded, built or backed up.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import hash_file, sync_file, sync_folder
from recsys_assets.locks import building_lock
from recsys_assets.publishing.store import push_locked
from recsys_assets.publishing.switch import current_bundle, list_builds, publishing_lock
from recsys_assets.sources.cutting import Cut, write_without
from recsys_assets.sources.forgotten import Forgotten, Tombstone, Unfinished, read_forgotten, write_forgotten
from recsys_assets.sources.formats import InputFile
from recsys_assets.sources.landing_area import copies_aside, has_content, landed_path, list_landed
from recsys_assets.upkeep.forget_bundles import find_in_bundle, list_standbys, remove_unfinished, rewrite_bundle
from recsys_assets.upkeep.forget_certificate import Certificate, write_certificate
from recsys_assets.upkeep.forget_databases import RewrittenFile, rewrite_warehouse
from recsys_assets.upkeep.forget_models import erase_from_models
from recsys_assets.upkeep.forget_search import find_forgotten, find_in_landing, find_in_quarantine, find_mentions

Say = Callable[[str], None]


class NobodyError(RecsysError):
    """The home holds nothing of the user."""


def forget_user(config: Config, user_id: str, say: Say) -> tuple[Path, Certificate]:
    """Erase a user; an erasure that was stopped before is finished first.

    Returns:
        The certificate and where it lies.

    Raises:
        NobodyError: the user is nowhere; nothing is changed then.
        RecsysError: something of the home cannot be read.
    """
    user_id = user_id.strip()
    with _hold_home(config, say) as aside:
        forgotten = read_forgotten(config)
        mark = forgotten.hash_id(user_id)
        if forgotten.unfinished is not None:
            finished = _finish(config, forgotten, aside, say, user_id=user_id)
            if mark in forgotten.unfinished.hashes:
                return finished
            forgotten = read_forgotten(config)
        now = datetime.now(UTC)
        say("looking for the user")
        found = find_forgotten(config, Forgotten(salt=forgotten.salt, users=(_bury(mark, now, ()),)))
        before = next((one for one in forgotten.users if one.hash == mark), None)
        if not found.places:
            since = f"; forgotten on {before.forgotten_at:%Y-%m-%d %H:%M} UTC" if before else ""
            raise NobodyError(f"There is nothing of a user '{user_id}' in {config.home}{since}.")
        others = tuple(one for one in forgotten.users if one.hash != mark)
        models = tuple(sorted({*found.models, *(before.models if before else ())}))
        forgotten = Forgotten(
            salt=forgotten.salt,
            users=(*others, _bury(mark, now, models)),
            unfinished=Unfinished(began_at=now, hashes=(mark,), found=found.places),
        )
        write_forgotten(config, forgotten)
        return _finish(config, forgotten, aside, say, cuts=found.cuts, user_id=user_id)


def finish_erasure(config: Config, say: Say) -> tuple[Path, Certificate] | None:
    """Bring an erasure that was stopped to its end; None if there is none."""
    with _hold_home(config, say) as aside:
        forgotten = read_forgotten(config)
        return _finish(config, forgotten, aside, say) if forgotten.unfinished is not None else None


def take_over_tombstones(config: Config, source: Path, now: datetime) -> Forgotten:
    """The tombstones of a home after a restore, with those of a file, all to be swept by `finish_erasure`.

    Args:
        config: of the restored home; it may have tombstones of its own.
        source: `forgotten.json` of the home as it was last.
        now: UTC.

    Raises:
        RecsysError: the file cannot be read, or is of another home: the hashes cannot be compared.
    """
    try:
        given = Forgotten.model_validate_json(source.read_bytes())
    except OSError as error:
        raise RecsysError(f"{source} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise RecsysError(f"{source} is no list of forgotten users: name the forgotten.json of the home.") from None
    own = read_forgotten(config)
    if own.users and own.salt != given.salt:
        raise RecsysError(f"{source} is of another home than the backup, so its hashes mean nothing here.")
    users = {one.hash: one for one in (*own.users, *given.users)}
    unfinished = Unfinished(began_at=now, hashes=tuple(users), found={})
    return Forgotten(salt=given.salt, users=tuple(users.values()), unfinished=unfinished if users else None)


def _bury(mark: str, now: datetime, models: tuple[str, ...]) -> Tombstone:
    return Tombstone(hash=mark, forgotten_at=now, models=models)


@contextmanager
def _hold_home(config: Config, say: Say) -> Iterator[Path]:
    """Nobody builds, lands or publishes meanwhile; what comes is a folder for copies in the making."""
    if not config.home.exists():
        raise RecsysError(f"There is no home at {config.home}.")
    with ExitStack() as stack:
        stack.enter_context(building_lock(config, say))
        aside = stack.enter_context(copies_aside(config))
        stack.enter_context(publishing_lock(config))
        yield aside


def _finish(
    config: Config,
    forgotten: Forgotten,
    aside: Path,
    say: Say,
    *,
    cuts: Mapping[Path, Cut] | None = None,
    user_id: str | None = None,
) -> tuple[Path, Certificate]:
    """Sweep, look again, certify."""
    if forgotten.unfinished is not None and not forgotten.unfinished.found:  # of a restored home nobody has looked
        forgotten = _take_stock(config, forgotten)
    erasure = forgotten.unfinished
    assert erasure is not None
    _sweep_files_and_warehouse(
        config, forgotten, aside, find_in_landing(config, forgotten) if cuts is None else cuts, say
    )
    _sweep_quarantine(config, forgotten, aside)
    _sweep_bundles(config, forgotten, say)
    erase_from_models(config.fitted_path, forgotten)
    _remove_leftovers(config)
    say("looking again, everywhere")
    for place, n_rows in find_forgotten(config, forgotten).places.items():
        raise RecsysError(f"{place} still holds {n_rows:,} rows of a forgotten user: run `recsys forget` again.")
    if config.store.url is not None and current_bundle(config) is not None:
        say("removing what the object store holds")
        push_locked(config)  # where it does not answer the erasure stays unfinished
    is_this_user = user_id is not None and forgotten.hash_id(user_id) in erasure.hashes
    mentions = find_mentions(config, user_id) if user_id is not None and is_this_user else None
    written = write_certificate(config, forgotten, erasure, mentions)
    write_forgotten(config, forgotten.model_copy(update={"unfinished": None}))
    return written


def _take_stock(config: Config, forgotten: Forgotten) -> Forgotten:
    """Write down what there is of forgotten users before anything goes, and which models may have learnt from them."""
    assert forgotten.unfinished is not None
    found = find_forgotten(config, forgotten)
    hashes = forgotten.unfinished.hashes
    users = tuple(
        _bury(one.hash, one.forgotten_at, tuple(sorted({*one.models, *found.models}))) if one.hash in hashes else one
        for one in forgotten.users
    )
    unfinished = forgotten.unfinished.model_copy(update={"found": found.places})
    forgotten = Forgotten(salt=forgotten.salt, users=users, unfinished=unfinished)
    write_forgotten(config, forgotten)
    return forgotten


def _sweep_files_and_warehouse(
    config: Config, forgotten: Forgotten, aside: Path, cuts: Mapping[Path, Cut], say: Say
) -> None:
    """The warehouse is replaced first: while the old landed files are there, it can be made again from them."""
    say(f"rewriting {len(cuts):,} landed files and the warehouse")
    rewritten = _rewrite_landed(config, forgotten, aside, cuts)
    if config.warehouse_path.exists():
        rewrite_warehouse(config, forgotten, rewritten)
    for old, one in rewritten.items():
        if one.path is not None:
            landed_at = old.stat().st_mtime_ns  # the order of loading
            os.utime(one.copy, ns=(landed_at, landed_at))
            os.replace(one.copy, one.path)
        old.unlink()
        sync_folder(old.parent)


def _rewrite_landed(
    config: Config, forgotten: Forgotten, aside: Path, cuts: Mapping[Path, Cut]
) -> dict[Path, RewrittenFile]:
    """Landed file -> its copy without some lines; of copies with the same content the first takes a place."""
    landed_files = list_landed(config)
    there = [landed.path for landed in landed_files if landed.path not in cuts]
    rewritten: dict[Path, RewrittenFile] = {}
    for number, landed in enumerate(landed_files):
        if (cut := cuts.get(landed.path)) is None:
            continue
        copy = aside / str(number)
        write_without(InputFile(landed.table, landed.path, landed.file_name), cut, copy)
        sync_file(copy)
        file_id = hash_file(copy)
        name = forgotten.clean_name(landed.file_name)
        path = landed_path(config, landed.table, name, file_id)
        is_first = path in there or not any(
            other.parent == path.parent and has_content(other, file_id) for other in there
        )
        rewritten[landed.path] = RewrittenFile(landed, cut, copy, file_id, name, path if is_first else None)
        if is_first:
            there.append(path)
    return rewritten


def _sweep_quarantine(config: Config, forgotten: Forgotten, aside: Path) -> None:
    for file, cut in find_in_quarantine(config, forgotten).items():
        write_without(file, cut, copy := aside / "set_aside")
        sync_file(copy)
        os.replace(copy, file.path.with_name(forgotten.clean_name(file.name)))
        if forgotten.clean_name(file.name) != file.name:
            file.path.unlink()
        sync_folder(file.path.parent)


def _sweep_bundles(config: Config, forgotten: Forgotten, say: Say) -> None:
    remove_unfinished(config)
    begun = set(list_standbys(config))
    for manifest in list_builds(config):
        if manifest.build_id in begun or find_in_bundle(config.published_path / manifest.build_id, forgotten):
            begun.add(manifest.build_id)
    for build_id in sorted(begun):
        say(f"rewriting bundle {build_id}")
        rewrite_bundle(config, build_id, forgotten)


def _remove_leftovers(config: Config) -> None:
    """What killed runs left aside, samples that were written before they were landed, backtests, to be run again."""
    for name in (
        "samples",
        "backtest",
        "fitted/.unfinished",
        "models/.unfinished",
        f"{config.warehouse_path.name}.tmp",
    ):
        shutil.rmtree(config.home / name, ignore_errors=True)
