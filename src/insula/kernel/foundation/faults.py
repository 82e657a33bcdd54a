"""Faults: how an unexpected error is described in the log."""

import traceback


def describe(error: BaseException) -> str:
    """The classes and source lines of an error and of what led to it.

    Never its message, which may quote what a caller sent.
    """
    parts: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        parts += [*traceback.format_tb(cause.__traceback__), type(cause).__qualname__]
        cause = cause.__cause__ or (
            None if cause.__suppress_context__ else cause.__context__
        )
    return "\n".join(parts)
