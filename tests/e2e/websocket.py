"""A websocket client in a page (RFC 6455), because the project needs none otherwise."""

import base64
import json
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MASK = b"\0\0\0\0"
"""A client must mask; that the mask is zero is nobody's concern here."""
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Closed(ConnectionError):
    """The server has closed it: with this code, or none."""

    def __init__(self, code: int | None) -> None:
        super().__init__(str(code))
        self.code = code


class WebSocket:
    """One connection after its handshake."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")
        self.status = 0

    def shake_hands(self, host: str, path: str, token: str) -> None:
        """Ask for the upgrade; ``status`` is 101 if it was granted."""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket",
            "Connection: Upgrade", f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13", f"Authorization: Bearer {token}", "", "",
        )  # fmt: skip
        self._connection.sendall("\r\n".join(lines).encode())
        self.status = int(self._file.readline().split()[1])
        while self._file.readline() not in (b"\r\n", b""):
            pass

    def next(self) -> Any:
        """The next message, decoded; raises ``Closed``."""
        while True:
            opcode, body = self._frame()
            if opcode == CLOSE:
                raise Closed(struct.unpack(">H", body[:2])[0] if body else None)
            if opcode == PING:
                self._send(PONG, body)
            if opcode == TEXT:
                return json.loads(body)

    def close(self) -> None:
        """Let go of what reads; the connection itself is another's."""
        self._file.close()

    def _frame(self) -> tuple[int, bytes]:
        head = self._file.read(2)
        if len(head) < 2:
            raise Closed(None)
        size = head[1] & 0x7F
        if size >= 126:
            form, more = (">H", 2) if size == 126 else (">Q", 8)
            size = struct.unpack(form, self._file.read(more))[0]
        return head[0] & 0x0F, self._file.read(size)

    def _send(self, opcode: int, body: bytes) -> None:
        self._connection.sendall(bytes((0x80 | opcode, 0x80 | len(body))) + MASK + body)


@contextmanager
def connected(port: int, host: str, path: str, token: str) -> Iterator[WebSocket]:
    """A websocket that is open, or was refused."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        made = WebSocket(connection)
        try:
            made.shake_hands(host, path, token)
            yield made
        finally:
            made.close()
