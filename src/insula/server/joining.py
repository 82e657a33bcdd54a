"""Joining the crew: a worker process before it has read anything that takes long."""

import ctypes
import os
import signal
import sys

from insula.kernel.foundation.loading import load_module

PR_SET_PDEATHSIG = 1


def main() -> int:
    """A worker process: ``python -m insula.server.joining <pid of its supervisor>``."""
    _end_with(int(sys.argv[1]))
    code: int = load_module("insula.server.working").main()
    return code


def _end_with(supervisor: int) -> None:
    """A worker must not outlive a supervisor that was killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != supervisor:
        sys.exit(1)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
