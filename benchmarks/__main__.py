"""The command: what the platform costs, over the least that Python can cost."""

import json
import signal
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import cache, imports, jobs, queries
from benchmarks.floor_server import DidNotStart, floor_database, floor_server
from benchmarks.harness import Bench, Finding, measure
from benchmarks.load import LoadError, load_process
from benchmarks.platform import platform
from benchmarks.postgres import embedded_postgres
from benchmarks.report import document, table
from insula.kernel.database.embedded import EmbeddedError


def read_arguments() -> Namespace:
    """What the caller chose."""
    parser = ArgumentParser(prog="./run bench", description=__doc__)
    add = parser.add_argument
    add(
        "claim",
        nargs="?",
        choices=("requests", "cache", "jobs", "imports", "queries"),
        default="requests",
        help="what is measured (%(default)s)",
    )
    add("--json", action="store_true", help="print one JSON document")
    add("--seconds", type=float, default=1.5, help="of load in each run (%(default)s)")
    add("--rounds", type=int, default=7, help="of every case (%(default)s)")
    add(
        "--noise",
        action="store_true",
        help="measure the floor against itself: how well figures repeat here",
    )
    return parser.parse_args()


@contextmanager
def against_the_floor(data_dir: Path) -> Iterator[Bench]:
    """The platform beside the floor."""
    with ExitStack() as stack:
        run = stack.enter_context
        ours = run(platform(data_dir))
        targets = run(floor_database(ours.postgres))
        floor = run(floor_server(ours.postgres, targets, data_dir / "floor.log"))
        yield Bench(ours.side, floor, ours.postgres.pid, run(load_process()))


@contextmanager
def against_itself(data_dir: Path) -> Iterator[Bench]:
    """Two floors."""
    with ExitStack() as stack:
        run = stack.enter_context
        postgres = run(embedded_postgres(data_dir))
        targets = run(floor_database(postgres))
        one = run(floor_server(postgres, targets, data_dir / "one.log"))
        other = run(floor_server(postgres, targets, data_dir / "other.log"))
        yield Bench(one, other, postgres.pid, run(load_process()))


def bench(chosen: Namespace, say: Callable[[str], None]) -> list[Finding]:
    """Start both sides in a directory of their own, and measure them."""
    sides = against_itself if chosen.noise else against_the_floor
    say("preparing both sides")
    with tempfile.TemporaryDirectory(prefix="insula-bench-") as directory:
        data_dir = Path(directory)
        data_dir.chmod(0o755)  # PostgreSQL's own user must get through to its folder
        with sides(data_dir) as both:
            return measure(both, rounds=chosen.rounds, seconds=chosen.seconds, say=say)


def report(
    chosen: Namespace, say: Callable[[str], None]
) -> tuple[Mapping[str, object], Table]:
    """Measure what was chosen: the figures for programs and for people."""
    if chosen.claim == "cache":
        say("preparing a tenant, asking the cache")
        costs = cache.measure_cache(chosen.rounds)
        return costs.document(), cache.table(costs)
    if chosen.claim == "jobs":
        figures = jobs.measure_jobs(say)
        return figures.document(), figures.table()
    if chosen.claim == "imports":
        rates = imports.measure_imports(say)
        return rates.document(), rates.table()
    if chosen.claim == "queries":
        asked = queries.measure_queries(say, chosen.rounds)
        return asked.document(), asked.table()
    findings = bench(chosen, say)
    return document(findings), table(findings)


def main() -> int:
    """Run the benchmark; the exit code says whether there are figures."""
    chosen = read_arguments()
    news = Console(stderr=True)
    # Asked to stop, it stops its servers, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with news.status("starting", refresh_per_second=2) as status:
            figures, shown = report(chosen, status.update)
    except (DidNotStart, EmbeddedError, LoadError) as error:
        news.print(f"bench: {error}", markup=False)
        return 1
    if chosen.json:
        print(json.dumps(figures))
    else:
        Console().print(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
