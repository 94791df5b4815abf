"""Erasures that were asked for over HTTP: kept on the disk until `recsys forget` has done them, one after another."""

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.files import replace_file
from recsys_assets.locks import only_one
from recsys_assets.logs import get_logger
from recsys_assets.upkeep.forget import NobodyError, forget_user

_LOGGER: Final = get_logger(__name__)
_AGAIN_SECONDS: Final = 600.0  # while a build holds the home, or nothing of the user is loaded


class Erasures:
    """What is still to be erased.

    Attributes:
        when_erased: called after each: the bundle in memory still holds the user.
        waiting: users who get no list of their own any more.
    """

    def __init__(self, config: Config, when_erased: Callable[[], None]) -> None:
        self.config, self.when_erased = config, when_erased
        self.folder = config.home / "service" / "erasures"
        self.waiting: set[str] = {_read(path) for path in self.folder.glob("*.json")}
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._work())
        if self.waiting:
            self._wake.set()

    def ask(self, user_id: str) -> None:
        """Keep the wish on the disk, and begin."""
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_file(self.folder / f"{secrets.token_hex(8)}.json", json.dumps({"user_id": user_id}).encode())
        self.waiting.add(user_id)
        self._wake.set()

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
            self.waiting = {_read(path) for path in self.folder.glob("*.json")}
            if self.waiting:
                await asyncio.sleep(_AGAIN_SECONDS)
                self._wake.set()

    def _erase_all(self) -> None:
        with only_one(self.folder / ".lock", "an erasure"):
            for path in sorted(self.folder.glob("*.json")):
                try:
                    forget_user(self.config, _read(path), lambda line: None)
                except NobodyError:
                    # events of hers may be on the disk and not loaded yet: the wish waits as long as sessions do
                    if time.time() - path.stat().st_mtime < 60 * self.config.service.session_minutes:
                        continue
                self.when_erased()
                path.unlink()
                _LOGGER.info("user_erased")


def _read(path: Path) -> str:
    return str(json.loads(path.read_bytes())["user_id"])
