"""Why a step failed, as one sentence."""

from dagster._utils.error import SerializableErrorInfo  # type: ignore[attr-defined]

from recsys_assets.errors import explain_full_disk

OURS = "recsys_assets.errors."
INTERRUPTS = ("KeyboardInterrupt", "dagster._core.errors.DagsterExecutionInterruptedError")


def explain_error(error: SerializableErrorInfo | None) -> str:
    """The error at the root of what Dagster recorded, with its type; a sentence of ours on the way there as it is."""
    while error and error.cause and not error.message.startswith(OURS):
        error = error.cause
    message = " ".join(error.message.split()) if error else "unknown reason"
    if message.startswith(OURS):
        return message.partition(": ")[2]
    if message.startswith(INTERRUPTS):
        return "It was interrupted; the next run takes up its work."
    return explain_full_disk(message) or message
