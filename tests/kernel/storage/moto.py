"""An S3 service of our own for tests: moto's server, in a process of its own."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx2

START = 30.0
"""Seconds within which it has to answer; it takes one on an idle machine."""


@contextmanager
def s3_service() -> Iterator[str]:
    """The address of an S3 service that runs for the length of a block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _await_answer(process, address)
        yield address
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()


def _await_answer(process: "subprocess.Popen[bytes]", address: str) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        assert process.poll() is None, "moto has ended"
        try:
            httpx2.get(address, trust_env=False, timeout=2)
        except httpx2.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"moto did not answer within {START} s")


def make_bucket(address: str, name: str) -> None:
    """Make a bucket there."""
    made = httpx2.put(f"{address}/{name}", trust_env=False)
    assert made.status_code == 200, made.text


def unfinished_uploads(address: str, bucket: str) -> int:
    """How many uploads of a bucket were begun and neither finished nor given up."""
    listed = httpx2.get(f"{address}/{bucket}?uploads", trust_env=False)
    return listed.text.count("<Upload>")
