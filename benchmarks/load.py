"""Load: connections that ask, wait and ask again, in a process of their own."""

import asyncio
import multiprocessing
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count, cycle
from multiprocessing.connection import Connection

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
SERIAL = b"########"
PATIENCE = 30
"""Seconds that a server may take for its last answers before the run has failed."""


class LoadError(Exception):
    """The server gave an answer that the benchmark does not accept."""


@dataclass(frozen=True, slots=True)
class Requests:
    """What is asked: heads in turn, each with a body whose ``########`` is numbered."""

    heads: tuple[bytes, ...]
    body: bytes = b""

    def rendered(self) -> Iterator[bytes]:
        """The bytes of one request after the other, without end."""
        if not self.body:
            return cycle(self.heads)
        numbers = (b"%08d" % number for number in count())
        return (
            head + self.body.replace(SERIAL, number)
            for head, number in zip(cycle(self.heads), numbers, strict=False)
        )


@dataclass(frozen=True, slots=True)
class Expected:
    """What every answer must be: its status, and how often a text occurs in it."""

    status: int
    text: bytes
    times: int

    def check(self, status: int, body: bytes) -> None:
        """Raise ``LoadError`` with a sample of the body unless the answer is right."""
        if status != self.status or body.count(self.text) != self.times:
            raise LoadError(
                f"expected {self.status} with {self.times} x {self.text!r},"
                f" got {status}: {body[:400]!r}"
            )


@dataclass(frozen=True, slots=True)
class Load:
    """One run: where, what, how many at once and for how long."""

    port: int
    requests: Requests
    expected: Expected
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back: how many answers, in which time, and how long they took."""

    count: int
    seconds: float
    p50_ms: float
    p99_ms: float


class _Asker(asyncio.Protocol):
    """One keep-alive connection: sends a request, checks the answer, sends the next."""

    transport: asyncio.Transport

    def __init__(self, load: Load, requests: Iterator[bytes], until: float) -> None:
        self._load, self._requests, self._until = load, requests, until
        self._answer = bytearray()
        self._whole = 0
        self._sent = 0.0
        self.took: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or LoadError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        answer += data
        if not self._whole:
            self._measure_answer()
        if self._whole and len(answer) >= self._whole:
            self._answered()

    def _measure_answer(self) -> None:
        end = self._answer.find(HEAD_END)
        if end < 0:
            return
        head = bytes(self._answer[:end]).lower()
        start = head.find(LENGTH)
        if start < 0:
            self._fail(LoadError(f"an answer without Content-Length: {head!r}"))
            return
        length = int(head[start + len(LENGTH) :].split(b"\r\n", 1)[0])
        self._whole = end + len(HEAD_END) + length

    def _answered(self) -> None:
        self.took.append(time.perf_counter() - self._sent)
        answer = bytes(self._answer)
        self._answer.clear()
        self._whole = 0
        body = answer[answer.find(HEAD_END) + len(HEAD_END) :]
        try:
            self._load.expected.check(int(answer[9:12]), body)
        except LoadError as error:
            self._fail(error)
            return
        if time.perf_counter() < self._until:
            self._ask()
        elif not self.done.done():
            self.done.set_result(None)

    def _ask(self) -> None:
        self._sent = time.perf_counter()
        self.transport.write(next(self._requests))

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


async def apply_load(load: Load) -> Answers:
    """Ask until the time is over and every answer is in."""
    loop = asyncio.get_running_loop()
    requests = load.requests.rendered()
    start = time.perf_counter()

    def asker() -> _Asker:
        return _Asker(load, requests, start + load.seconds)

    askers: list[_Asker] = []
    try:
        async with asyncio.timeout(load.seconds + PATIENCE):
            for _ in range(load.connections):
                _, made = await loop.create_connection(asker, "127.0.0.1", load.port)
                askers.append(made)
            await asyncio.gather(*(each.done for each in askers))
    finally:
        for each in askers:
            each.transport.close()
    seconds = time.perf_counter() - start
    took = sorted(took for each in askers for took in each.took)
    return Answers(
        count=len(took),
        seconds=seconds,
        p50_ms=took[len(took) // 2] * 1000,
        p99_ms=took[len(took) * 99 // 100] * 1000,
    )


class LoadProcess:
    """The process that asks, so that its CPU time is neither side's."""

    def __init__(self, pipe: Connection, pid: int) -> None:
        self._pipe, self.pid = pipe, pid

    def run(self, load: Load) -> Answers:
        """Apply a load and wait for its outcome; raises ``LoadError``."""
        self._pipe.send(load)
        outcome = self._pipe.recv()
        if not isinstance(outcome, Answers):
            raise LoadError(outcome)
        return outcome


@contextmanager
def load_process() -> Iterator[LoadProcess]:
    """A process that applies loads for the length of a block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield LoadProcess(ours, process.pid or 0)
    finally:
        ours.close()
        process.join(timeout=5)
        process.kill()


def _serve(pipe: Connection) -> None:
    # Ctrl-C reaches every process of a terminal; this one ends with its pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError):
        while True:
            pipe.send(_outcome(pipe.recv()))


def _outcome(load: Load) -> Answers | str:
    try:
        return asyncio.run(apply_load(load))
    except (LoadError, OSError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"
