"""Tells by its exit code whether a PostgreSQL or Redis server answers at a URL."""

import asyncio
import socket
import sys
from urllib.parse import urlsplit

import asyncpg

PATIENCE = 3.0


async def postgres_answers(url: str) -> bool:
    """Whether this URL is enough to sign in and run a statement."""
    try:
        connection = await asyncpg.connect(url, timeout=PATIENCE)
        await connection.execute("SELECT 1", timeout=PATIENCE)
        await connection.close(timeout=PATIENCE)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    return True


def redis_answers(host: str, port: int) -> bool:
    """Whether a Redis server there greets a client that has no password."""
    try:
        with socket.create_connection((host, port), PATIENCE) as server:
            server.sendall(b"PING\r\n")
            return server.recv(5) == b"+PONG"
    except OSError:
        return False


def main() -> int:
    """Ask the server named on the command line."""
    url = sys.argv[1]
    place = urlsplit(url)
    if place.scheme == "redis":
        answers = redis_answers(place.hostname or "127.0.0.1", place.port or 6379)
    else:
        answers = asyncio.run(postgres_answers(url))
    return 0 if answers else 1


if __name__ == "__main__":
    sys.exit(main())
