"""The sink: an endpoint of webhooks that fails now and then, and notes what it verified."""

import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError

FAILING = 0.1
"""The share of deliveries that the sink answers with an error, or not at all."""


class Sink(ThreadingHTTPServer):
    """Listens on a free port of this machine; each path is an endpoint with a secret."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.secrets: dict[str, str] = {}
        self.verified: dict[str, dict[str, set[str]]] = defaultdict(dict)
        self.forged = self.failed = self.accepted = 0
        self._chance = random.Random(seed)  # noqa: S311  # no secret
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def take(self, path: str, body: bytes, headers: dict[str, str]) -> int | None:
        """The status to answer with; None to hang up. Verified is what was sent."""
        try:
            Webhook(self.secrets[path]).verify(body, headers)
        except WebhookVerificationError:
            self.forged += 1
            return 400
        with self._lock:
            if (luck := self._chance.random()) < FAILING:
                self.failed += 1
                return None if luck < FAILING / 2 else 500
            event = msgspec.json.decode(body)["id"]
            seen = self.verified[path].setdefault(event, set())
            seen.add(headers["webhook-id"])
            self.accepted += 1
        return 204

    def handle_error(self, *_: Any) -> None:
        """A sender that was killed has hung up: nothing to tell."""


class _Receiver(BaseHTTPRequestHandler):
    server: Sink
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer one delivery."""
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {key.lower(): value for key, value in self.headers.items()}
        status = self.server.take(self.path, body, headers)
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing: there are thousands."""


@contextmanager
def listening(seed: int) -> Iterator[Sink]:
    """A sink for the length of a block."""
    sink = Sink(seed)
    thread = threading.Thread(target=sink.serve_forever, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        sink.shutdown()
        sink.server_close()
        thread.join(10)
