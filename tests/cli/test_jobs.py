"""``insula jobs``, as an operator's shell runs it."""

from collections.abc import Callable

from tests.cli.test_tenants import ask, data_dir, run

__all__ = ["ask", "data_dir", "run"]


def test_a_tenants_jobs_are_found_by_slug_and_by_its_queue(
    ask: Callable[..., object],
) -> None:
    """S1-37, R22: `tenant-<id>` is taken as a filter."""
    made = ask("tenants", "create", "jobbers", "--name", "Jobbers")
    assert isinstance(made, dict)
    assert ask("jobs", "list", "jobbers") == []
    assert ask("jobs", "list", f"tenant-{made['id']}", "--state", "failed") == []
    assert ask("jobs", "retry", "jobbers") == {"jobs": 0}
    problem = ask("jobs", "list", "tenant-x", code=1)
    assert isinstance(problem, dict)
    assert problem["error"]["code"] == "TENANT_NOT_FOUND"
