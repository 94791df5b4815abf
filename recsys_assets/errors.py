"""The one error that a user is meant to read."""


class RecsysError(Exception):
    """A fault that a person can mend; its text is one sentence saying what, where and what to do.

    The command line prints it without a traceback and exits with status 1.
    """
