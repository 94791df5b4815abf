"""Erasures that were asked for over HTTP: kept on the disk until `recsys forget` has done them, one after another."""

import asyncio
import json
import os
import secrets
import threading
import time
from contextlib import suppress
from typing import Final

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import replace_file
from recsys_assets.locks import only_one
from recsys_assets.logs import get_logger
from recsys_assets.service.loaded import BundleHolder
from recsys_assets.upkeep.forget import NobodyError, forget_user

_LOGGER: Final = get_logger(__name__)
_AGAIN_SECONDS: Final = 600.0  # while a build holds the home, or nothing of the user is loaded
_LOOK_SECONDS: Final = 0.01
_LOCK: Final = ".lock"


class Erasures:
    """Whom nothing of their own is served to: from the request on, until the bundle in memory is one without them.

    Every worker looks into the same folder when it is asked for something, so each knows, whichever took the request.
    Only one that nobody asked for anything from a wish to its end may serve the old bundle until it has taken the new.
    """

    def __init__(self, config: Config, holder: BundleHolder) -> None:
        self.config, self.holder = config, holder
        self.folder = config.home / "service" / "erasures"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._looking = threading.Lock()
        self._looked_at = -_LOOK_SECONDS
        self._users: frozenset[str] = frozenset()  # of both:
        self._wishes: dict[str, str] = {}  # file -> user
        self._done: dict[str, tuple[str, float]] = {}  # file -> user, when it was seen to be gone
        self._wake = asyncio.Event()
        if self._read():
            self._wake.set()
        self._task = asyncio.create_task(self._work())

    def concern(self, user_id: str) -> bool:
        """Whether the user is to be erased, or is and the bundle in memory may still hold her."""
        return user_id in self.users()

    def users(self) -> frozenset[str]:
        """All of those. Every list asks, so the folder is not looked at for each."""
        if time.monotonic() - self._looked_at >= _LOOK_SECONDS:
            self._look()
        return self._users

    async def ask(self, user_id: str) -> None:
        """Keep the wish on the disk, and begin; after it returns each worker looks before it answers."""
        replace_file(self.folder / f"{secrets.token_hex(8)}.json", json.dumps({"user_id": user_id}).encode())
        self._look()
        self._wake.set()
        await asyncio.sleep(2 * _LOOK_SECONDS)

    async def stop(self) -> None:
        """Leave what waits for the next start."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await asyncio.to_thread(self._erase_all)
            except RecsysError as error:  # its sentence may name the user
                _LOGGER.error("erasure_waits", reason=type(error).__name__)
            if self._read():
                await asyncio.sleep(_AGAIN_SECONDS)
                self._wake.set()

    def _erase_all(self) -> None:
        with only_one(self.folder / _LOCK, "an erasure"):
            for file, user_id in self._read().items():
                path = self.folder / file
                try:
                    forget_user(self.config, user_id, lambda line: None)
                except NobodyError:
                    # events of hers may be on the disk and not loaded yet: the wish waits as long as sessions do
                    if time.time() - path.stat().st_mtime < 60 * self.config.service.session_minutes:
                        continue
                self._look()  # what goes unseen could not be waited for
                path.unlink()
                _LOGGER.info("user_erased")
                self.holder.look()

    def _read(self) -> dict[str, str]:
        wishes = {}
        for name in sorted(os.listdir(self.folder)):  # pathlib's glob takes twice as long
            if name.endswith(".json"):
                with suppress(FileNotFoundError, ValueError, KeyError):  # another worker has done it, or it is no wish
                    wishes[name] = str(json.loads((self.folder / name).read_bytes())["user_id"])
        return wishes

    def _look(self) -> None:
        with self._looking, suppress(OSError):  # where the folder cannot be read, what is known stays so
            now, since = time.monotonic(), self.holder.up_to_date_at
            wishes = self._read()
            gone = {file: (user_id, now) for file, user_id in self._wishes.items() if file not in wishes}
            self._wishes = wishes
            self._done = {file: one for file, one in (self._done | gone).items() if one[1] >= since}
            self._users = frozenset([*wishes.values(), *(user_id for user_id, _ in self._done.values())])
            self._looked_at = now
