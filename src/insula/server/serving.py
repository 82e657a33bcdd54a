"""Serving: runs the HTTP server's workers until a signal ends them in good order."""

import ctypes
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from types import FrameType
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.log import LogLevels
from granian.server import Server

from insula.kernel.http.asgi import ASGIApp
from insula.server.guard import CLOSING_TIME, NOTICE, load

PR_SET_PDEATHSIG = 1
STARTING_TIME = 1
"""Seconds that a worker has to end if it is told so before it serves."""
POLL = 0.05
ANYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # to ask itself
PLAIN_LOG: Mapping[str, Any] = {
    "handlers": {
        "console": {"formatter": "generic", "class": "logging.StreamHandler"},
    },
    "loggers": {
        "_granian": {"handlers": ["console"], "propagate": False},
    },
}


class CannotListen(OSError):
    """The address cannot be listened on; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What to serve and where.

    ``target`` is ``module:app``, or ``module:make()`` for a factory. ``notice`` is how
    long, after SIGTERM, readiness is red while the door is still open, so that a
    balancer sends its requests elsewhere. ``shutdown_grace`` is the longest that a
    request may take to end, counted from the signal.
    """

    host: str
    port: int
    workers: int = 1
    target: str = "insula.server.asgi:app"
    shutdown_grace: float = 30.0
    notice: float = 1.0
    ready_path: str = "/health/ready"
    log_config: Mapping[str, Any] = field(default_factory=lambda: PLAIN_LOG)


def serve(service: Service, on_ready: Callable[[], None] | None = None) -> int:
    """Serve until a signal comes; the exit code of the process.

    Call it in the main thread. ``on_ready`` runs once, in a thread of its own, when
    the server first answers that it is ready.
    """
    try:
        check_address(service.host, service.port)
    except CannotListen as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return _Supervisor(service, on_ready).run()


def check_address(host: str, port: int) -> None:
    """Raise ``CannotListen`` unless the address is free.

    The workers share their port (SO_REUSEPORT), so without this look a second server
    of the same user would start happily and take half of the first one's requests.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or "0.0.0.0",  # noqa: S104  # what an empty host means
            port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except (OSError, OverflowError) as error:
        raise CannotListen(
            f"Cannot listen on {host}:{port}: {getattr(error, 'strerror', error)}."
            " Stop what uses it, or choose another port with INSULA_PORT."
        ) from error


class _Unremembered(dict[int, float]):
    """When workers were replaced: granian ends itself when one dies twice in seconds.

    Ours do while the database is away, and it comes back; they take a second to start.
    """

    def __setitem__(self, _worker: int, _moment: float) -> None:
        """Forget it."""


class _Supervisor:
    """The main process: starts the workers, tells them of signals, waits for them."""

    def __init__(self, service: Service, on_ready: Callable[[], None] | None) -> None:
        # A forked worker would inherit dead threads, and the state from which two
        # workers would make the same ids.
        multiprocessing.set_start_method("spawn", force=True)
        self._service, self._on_ready = service, on_ready
        self._pid = os.getpid()
        self._ignores_hangup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._stopping, self._ready = threading.Event(), threading.Event()
        self._server = Server(
            service.target,
            address=service.host,
            port=service.port,
            interface=Interfaces.ASGI,
            workers=service.workers,
            loop=Loops.asyncio,
            http=HTTPModes.http1,
            websockets=True,
            runtime_mode=RuntimeModes.st,
            log_level=LogLevels.warning,
            log_dictconfig=dict(service.log_config),
            workers_kill_timeout=int(service.shutdown_grace + CLOSING_TIME) + 1,
        )
        self._server.respawned_wrks = _Unremembered()
        self._server.on_startup(self._prepare)

    def run(self) -> int:
        load_app = partial(_load_in_worker, self._service, self._pid)
        try:
            self._server.serve(target_loader=load_app, wrap_loader=False)
        except SystemExit as ended:
            # A worker that the same Ctrl-C reached looks to granian like a crash.
            if not self._stopping.is_set():
                return int(ended.code or 0)
        finally:
            self._stopping.set()
        return 0

    def _prepare(self) -> None:
        """Set the signals before there are workers, which inherit them."""
        signal.signal(NOTICE, signal.SIG_IGN)
        signal.signal(signal.SIGINT, self._take_signal)
        signal.signal(signal.SIGTERM, self._take_signal)
        # A closed terminal ends the server; granian would restart its workers.
        quiet = signal.SIG_IGN if self._ignores_hangup else self._take_signal
        signal.signal(signal.SIGHUP, quiet)
        threading.Thread(target=self._watch, daemon=True).start()

    def _take_signal(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self._pid:
            os._exit(0)  # a worker that has not loaded the application yet
        again = self._stopping.is_set()
        self._stopping.set()
        # The same signal may have reached the workers: none that ends is replaced now.
        self._server.respawn_failed_workers = False
        self._notify_workers()
        wait = self._ready.is_set() and self._service.notice
        if again or number == signal.SIGINT or not wait:
            self._close()
            return
        timer = threading.Timer(self._service.notice, self._close)
        timer.daemon = True
        timer.start()

    def _notify_workers(self) -> None:
        for worker in self._server.wrks:
            worker.interrupt_by_parent = True
            pid = getattr(worker.inner, "pid", None)
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, NOTICE)

    def _close(self) -> None:
        """Let granian stop: no new connections, then the workers' orderly end."""
        if not self._ready.is_set():
            # granian's worker is stuck by a signal while it starts; it serves nobody.
            self._server.workers_kill_timeout = STARTING_TIME
        self._server.interrupt_signal = True
        self._server.main_loop_interrupt.set()

    def _watch(self) -> None:
        """Wait until the server is ready; from then on a dead worker is replaced."""
        while not self._stopping.wait(POLL):
            if _answers(self._service):
                self._ready.set()
                self._server.respawn_failed_workers = True
                if self._on_ready is not None:
                    self._on_ready()
                return


def _answers(service: Service) -> bool:
    host = ANYWHERE.get(service.host, service.host)
    connection = HTTPConnection(host, service.port, timeout=2)
    try:
        connection.request("GET", service.ready_path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _load_in_worker(service: Service, supervisor: int) -> ASGIApp:
    if sys.platform == "linux":
        # A worker must not outlive a supervisor that was killed.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != supervisor:
        os._exit(1)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return load(service.target, service.shutdown_grace)
