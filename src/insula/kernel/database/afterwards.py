"""Afterwards: notices wait for the commit of what they are about."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial


class _Waiting:
    """What is to be done when the transaction around it has ended."""

    __slots__ = ("deeds", "ended")

    def __init__(self) -> None:
        self.deeds: list[Callable[[], object]] = []
        self.ended = False


_waiting: ContextVar[_Waiting | None] = ContextVar("insula_afterwards", default=None)


def put_off(deed: Callable[..., object], *args: object) -> bool:
    """Have it done when the transaction around has ended; False where there is none.

    Whoever gives a notice asks this first: a notice before the commit sends others to
    look for what they cannot see yet.
    """
    waiting = _waiting.get()
    if waiting is None or waiting.ended:  # a task may outlive what it was started in
        return False
    waiting.deeds.append(partial(deed, *args))
    return True


@contextmanager
def gathering() -> Iterator[None]:
    """Gather what is put off in the block, and do it at the end.

    Also when the block fails: to be told of a change that did not come does no harm.
    """
    waiting = _Waiting()
    token = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(token)
        waiting.ended = True
        for deed in waiting.deeds:
            deed()
