"""The one error that a user is meant to read."""


class RecsysError(Exception):
    """A fault that a person can mend; its text is one sentence saying what, where and what to do.

    The command line prints it without a traceback and exits with status 1.
    """


class BusyError(RecsysError):
    """Another process holds what this one needs: it would succeed a while later."""


class StorageError(RecsysError):
    """The disk, not the data: what failed would succeed with more room or other permissions."""


class DamagedError(RecsysError):
    """The warehouse's file is damaged; what it held can be made anew from the landed files.

    Attributes:
        fact: what is damaged and where it is kept, without its full stop and without what to do.
    """

    def __init__(self, fact: str, remedy: str) -> None:
        super().__init__(f"{fact}: {remedy}.")
        self.fact = fact


# as the operating system, DuckDB, SQLite and dbt say it; SQLite has no other words where it cannot make its small files
_NO_ROOM = (
    "No space left on device",
    "Disk quota exceeded",
    "File too large",
    "database or disk is full",
    "disk I/O error",
)


def explain_full_disk(message: str) -> str | None:
    """The one sentence for what the message of any library says of a full disk; None if it speaks of something else."""
    if not any(words in message for words in _NO_ROOM):
        return None
    said = " ".join(message.partition("[SQL:")[0].split()).rstrip(".")
    remedy = "make room, most likely where $RECSYS_HOME lies, and run the same again; what is published stays in use"
    return f"The disk is full or failing ({said}): {remedy}."
