"""The report: the medians as a table for people and as one document for programs."""

from collections.abc import Callable, Sequence

from rich.table import Table

from benchmarks.harness import Cost, Finding

TITLE = "CPU of a request, ours over the floor's: medians"
COLUMNS = ("ratio", "range", "server us", "pg us", "req/s", "p50 ms", "p99 ms")


def document(findings: Sequence[Finding]) -> dict[str, dict[str, dict[str, float]]]:
    """Operation, home and figures."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for each in findings:
        found.setdefault(each.case.operation, {})[each.case.home] = {
            "cpu_ratio": round(each.median(lambda pair: pair.cpu_ratio), 3),
            "server_us": round(each.median(lambda pair: pair.ours.server_us), 1),
            "floor_server_us": round(each.median(lambda pair: pair.floor.server_us), 1),
            "rps_ratio": round(each.median(lambda pair: pair.rps_ratio), 3),
        }
    return found


def table(findings: Sequence[Finding]) -> Table:
    """The same and what it is made of; ``a/b`` is ours and the floor's figure."""
    grid = Table(title=TITLE, box=None, padding=(0, 1), pad_edge=False)
    grid.add_column("case", no_wrap=True)
    for name in COLUMNS:
        grid.add_column(name, justify="right", no_wrap=True)
    for each in findings:
        grid.add_row(f"{each.case.operation} {each.case.home}", *_cells(each))
    return grid


def _cells(found: Finding) -> list[str]:
    least, most = found.bounds(lambda pair: pair.cpu_ratio)
    return [
        f"{found.median(lambda pair: pair.cpu_ratio):.2f}",
        f"{least:.2f}-{most:.2f}",
        _both(found, lambda cost: cost.server_us, 0),
        _both(found, lambda cost: cost.postgres_us, 0),
        f"{found.median(lambda pair: pair.rps_ratio):.2f}",
        _both(found, lambda cost: cost.p50_ms, 1),
        _both(found, lambda cost: cost.p99_ms, 1),
    ]


def _both(found: Finding, figure: Callable[[Cost], float], digits: int) -> str:
    ours = found.median(lambda pair: figure(pair.ours))
    floor = found.median(lambda pair: figure(pair.floor))
    return f"{ours:.{digits}f}/{floor:.{digits}f}"
