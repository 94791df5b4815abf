"""The intake: posted events and impressions, on the disk before they are answered.

Posts that wait while the disk is at work are taken together: judged in one query, written and synced in one go. The
files are in `segments`; from the inbox on they are files like any other.
"""

import asyncio
import json
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Final

import duckdb

from recsys_assets.config import Config
from recsys_assets.errors import BusyError, RecsysError
from recsys_assets.logs import get_logger
from recsys_assets.service.arrivals import Judge, Row, refused_line, with_value
from recsys_assets.service.remembered import Remembered
from recsys_assets.service.segments import Segments, unlanded
from recsys_assets.sources.contract import TABLES, Table

POSTED_TABLES: Final = ("events", "impressions")
_LOGGER: Final = get_logger(__name__)
_GROUP_ROWS: Final = 10_000  # judged at once: bounds how long the first of them waits
_LONGEST_PAUSE: Final = 1.0  # seconds between looks for what is due for the inbox


@dataclass(frozen=True)
class Receipt:
    """What became of the rows of one post.

    Attributes:
        rows: the accepted ones, in order: the contract's columns (`ts` naive UTC), and `attributes` (a dict or None).
        rejected: place in the post, and why; these rows are kept too, and are loaded as rejected.
        duplicates: how many were not written because their event_id was a moment ago.
        event_ids: one entry a posted row: its id, or the one that it was given; None for a rejected row, and for rows
            of a table without ids.
    """

    rows: tuple[Row, ...] = ()
    rejected: tuple[tuple[int, str], ...] = ()
    duplicates: int = 0
    event_ids: tuple[str | None, ...] = ()

    @property
    def accepted(self) -> int:
        """How many rows are new, and on the disk."""
        return len(self.rows)


@dataclass(frozen=True)
class _Post:
    table: Table
    rows: Sequence[Any]
    lines: list[str]
    receipt: Future[Receipt] = field(default_factory=Future)


class EventIntake:
    """Takes posts in one event loop and hands them to a thread of its own; made by `open_intake`."""

    def __init__(self, config: Config, segments: Segments) -> None:
        self._config = config
        self._segments = segments
        self._judge = Judge(config)
        for table in POSTED_TABLES:
            self._judge.judge(TABLES[table], ["{}"])  # the first time takes a second: not that of a post
        self._remembered = Remembered(config.service.remembered_ids)
        self._remembered.add_files(unlanded(config))
        self._posts: SimpleQueue[_Post | None] = SimpleQueue()  # None: the last one
        self._waiting_rows = 0
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="intake", daemon=True)
        self._thread.start()

    async def take(self, table: str, rows: Sequence[Any]) -> Receipt:
        """Judge rows, write them, and wait until the disk has them.

        Args:
            table: one of `POSTED_TABLES`.
            rows: as JSON gives them; what is no object is rejected like any other faulty row.

        Raises:
            BusyError: too many rows wait already; a little later there are fewer.
            RecsysError: there is no such table, or the intake is closed; or as StorageError: the disk did not take
                the rows. Nothing of the post is acknowledged then, and it can be sent again.
        """
        if table not in POSTED_TABLES:
            raise RecsysError(f"'{table}' cannot be posted: post {' or '.join(POSTED_TABLES)}.")
        if self._is_closed:
            raise RecsysError("The service is being stopped: post it again when it is back.")
        if self._waiting_rows + len(rows) > max(self._config.service.max_waiting_rows, len(rows)):
            raise BusyError("More is posted than the disk takes: post it again in a moment.")
        if not rows:
            return Receipt()
        post = _Post(TABLES[table], rows, [json.dumps(row) for row in rows])
        self._waiting_rows += len(rows)
        try:
            self._posts.put(post)
            return await asyncio.wrap_future(post.receipt)
        finally:
            self._waiting_rows -= len(rows)

    def close(self) -> None:
        """Answer what was posted so far, and take no more."""
        self._is_closed = True
        self._posts.put(None)
        self._thread.join()
        self._judge.close()

    def _work(self) -> None:
        """The thread: it outlives whatever goes wrong with a post, which its sender is told."""
        is_last = False
        while not is_last:
            posts, is_last = self._next_posts()
            for table in POSTED_TABLES:
                group = [post for post in posts if post.table.name == table]
                if group:
                    self._answer(TABLES[table], group)
            try:
                self._segments.move_due()
            except OSError as error:
                _LOGGER.warning("segments_not_moved", error=error.strerror)

    def _next_posts(self) -> tuple[list[_Post], bool]:
        """What waits, up to a limit, and whether it is the last; after a pause without posts nothing."""
        posts: list[_Post] = []
        n_rows = 0
        try:
            post = self._posts.get(timeout=min(_LONGEST_PAUSE, self._config.service.segment_seconds))
            if post is not None:
                time.sleep(self._config.service.gather_milliseconds / 1000)
            while post is not None:
                if post.receipt.set_running_or_notify_cancel():
                    posts.append(post)
                    n_rows += len(post.rows)
                if n_rows >= _GROUP_ROWS:
                    return posts, False
                post = self._posts.get_nowait()
        except Empty:
            return posts, False
        return posts, True

    def _answer(self, table: Table, posts: Sequence[_Post]) -> None:
        try:
            receipts = self._keep(table, posts)
        except duckdb.Error as error:  # while judging, so nothing is written yet
            if len(posts) == 1:
                posts[0].receipt.set_exception(error)
            else:  # one post must not spoil the others
                for post in posts:
                    self._answer(table, [post])
        except Exception as error:  # noqa: BLE001 - it is raised where the rows were posted
            for post in posts:
                post.receipt.set_exception(error)
        else:
            for post, receipt in zip(posts, receipts, strict=True):
                post.receipt.set_result(receipt)

    def _keep(self, table: Table, posts: Sequence[_Post]) -> list[Receipt]:
        """Judge and write the rows of some posts; when this returns they are on the disk."""
        started = time.monotonic()
        judged = iter(self._judge.judge(table, [line for post in posts for line in post.lines]))
        written: list[str] = []
        fresh: dict[str, None] = {}
        receipts = [self._sort(post, [next(judged) for _ in post.rows], written, fresh) for post in posts]
        if written:
            self._segments.append(table.name, written)
        self._remembered.add(fresh)
        _LOGGER.debug(
            "posts_kept", table=table.name, posts=len(posts), rows=len(written), seconds=time.monotonic() - started
        )
        return receipts

    def _sort(self, post: _Post, judged: Sequence[Row | str], written: list[str], fresh: dict[str, None]) -> Receipt:
        """The receipt of a post; what is to be written goes to `written`, and its ids to `fresh`."""
        id_column = post.table.unique_column
        rows: list[Row] = []
        rejected: list[tuple[int, str]] = []
        event_ids: list[str | None] = []
        n_duplicates = 0
        for place, (row, posted, line) in enumerate(zip(judged, post.rows, post.lines, strict=True)):
            event_id = None
            if isinstance(row, str):
                rejected.append((place, row))
                written.append(refused_line(posted, line, row))
            elif id_column is None:
                rows.append(row)
                written.append(line)
            else:
                event_id = row[id_column] or uuid.uuid4().hex
                if event_id in fresh or event_id in self._remembered:
                    n_duplicates += 1
                else:
                    fresh[event_id] = None
                    rows.append(row | {id_column: event_id})
                    written.append(with_value(posted, line, id_column, event_id))
            event_ids.append(event_id)
        return Receipt(tuple(rows), tuple(rejected), n_duplicates, tuple(event_ids))


@contextmanager
def open_intake(config: Config) -> Iterator[EventIntake]:
    """An intake with a folder of its own, after what killed processes left has gone to the inbox; closed at the end.

    Raises:
        StorageError: the home cannot be written.
        RecsysError: there are too many workers.
    """
    with Segments(config) as segments:
        segments.move_left()
        intake = EventIntake(config, segments)
        try:
            yield intake
        finally:
            intake.close()
