"""The bundle in use, in memory; a new one is read beside it and takes its place between two requests."""

import ctypes
import gc
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from recsys_assets.config import Config
from recsys_assets.errors import RecsysError
from recsys_assets.logs import get_logger
from recsys_assets.online.model import OnlineModel, load_online_model
from recsys_assets.publishing.manifest import MANIFEST_FILE, Manifest, read_manifest, verify_bundle
from recsys_assets.publishing.switch import current_bundle
from recsys_assets.service.stored import StoredLists, load_stored_lists

LOGGER = get_logger(__name__)
SHORT_TURN = 0.0002  # seconds


@dataclass(frozen=True)
class LoadedBundle:
    """A published bundle.

    Attributes:
        path: its folder.
        manifest: what it says of itself.
        lists: the published ones.
        model: what scores a user anew; None where the bundle holds no such thing, or it cannot be read.
    """

    path: Path
    manifest: Manifest
    lists: StoredLists
    model: OnlineModel | None

    def age_seconds(self) -> float:
        """Since it was made."""
        return (datetime.now(UTC).replace(tzinfo=None) - self.manifest.created_at).total_seconds()


class BundleHolder:
    """Holds the bundle in use, and looks for another one from time to time.

    Attributes:
        bundle: the one in use; None before the first.
        fault: why the newest could not be taken, in one sentence; None if it could.
        up_to_date_at: by the monotonic clock, the beginning of the last look that left the published bundle in memory.
    """

    def __init__(self, config: Config, look_every_seconds: float) -> None:
        self.config = config
        self.bundle: LoadedBundle | None = None
        self.fault: str | None = None
        self.up_to_date_at = 0.0
        self._looking = threading.Lock()
        self._seen: tuple[object, ...] = ()
        self._every = look_every_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="bundles", daemon=True)

    def start(self) -> None:
        """Take the bundle there is, and begin to look for new ones."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join(timeout=10)

    def look(self) -> None:
        """Take the bundle that `published/current` leads to, if it is another one and whole.

        Two at once would leave the older of two bundles in memory, or have the second end before the first has read.
        """
        with self._looking:
            began_at = time.monotonic()
            try:
                self._take_current()
            except (RecsysError, OSError) as error:
                self.fault = str(error)
                LOGGER.error("bundle_refused", reason=self.fault)
            if self.fault is None:
                self.up_to_date_at = began_at

    def _take_current(self) -> None:
        path = current_bundle(self.config)
        if path is None:
            return
        written = (path / MANIFEST_FILE).stat()
        seen = path, written.st_ino, written.st_mtime_ns  # an erasure writes a bundle anew under its name
        if seen == self._seen:
            return
        self._seen = seen
        with _requests_first():
            self.bundle, self.fault = load_bundle(path), None
        LOGGER.info("bundle_taken", build_id=self.bundle.manifest.build_id)

    def _watch(self) -> None:
        while not self._stopped.wait(self._every):
            self.look()


@contextmanager
def _requests_first() -> Iterator[None]:
    """The thread that reads a bundle gives the interpreter to requests after SHORT_TURN, single calls into C apart.

    They want it several times each: with Python's own five milliseconds, p99 was 13 ms and more meanwhile.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(SHORT_TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def load_bundle(path: Path) -> LoadedBundle:
    """Read a bundle whose every file has the checksum of its manifest.

    Raises:
        RecsysError: it is damaged.
    """
    verify_bundle(path)
    try:
        lists, model = load_stored_lists(path), load_online_model(path)
    except Exception as error:  # whatever a file of another version makes a reader say
        raise RecsysError(f"Bundle {path.name} cannot be read: {type(error).__name__}: {error}") from error
    _give_back_memory()
    return LoadedBundle(path, read_manifest(path), lists, model)


def _give_back_memory() -> None:
    """What reading took and needs no more, to the system: glibc alone keeps some 200 MB of it.

    What is left stays until it is replaced, so the collector need not look at it again: with it each of its full rounds
    stops every request for 100 ms.
    """
    gc.collect()
    gc.freeze()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
