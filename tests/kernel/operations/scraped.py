"""A page of metrics as Prometheus reads it, and the questions that are asked of it."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]


class Scraped:
    """The samples of one page."""

    def __init__(self, page: bytes) -> None:
        families = text_string_to_metric_families(page.decode())
        self.samples: Mapping[tuple[str, Labels], float] = {
            (it.name, frozenset(it.labels.items())): it.value
            for family in families
            for it in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """The value with exactly these labels."""
        return self.samples[name, frozenset(labels.items())]

    def labels(self, name: str, label: str) -> set[str]:
        """All values of one label."""
        return {dict(it)[label] for found, it in self.samples if found == name}

    def total(self, name: str, **labels: str) -> float:
        """The sum over all that have at least these labels."""
        wanted = labels.items()
        return sum(
            value
            for (found, it), value in self.samples.items()
            if found == name and wanted <= dict(it).items()
        )

    def quantile(self, share: float, name: str, **labels: str) -> float:
        """What PromQL's ``histogram_quantile`` makes of a histogram's buckets."""
        buckets: dict[float, float] = {}
        for (found, it), value in self.samples.items():
            if found == f"{name}_bucket" and labels.items() <= dict(it).items():
                bound = float(dict(it)["le"])
                buckets[bound] = buckets.get(bound, 0) + value
        wanted, low, below = share * buckets[float("inf")], 0.0, 0.0
        for bound, count in sorted(buckets.items()):
            if count >= wanted:
                return low + (bound - low) * (wanted - below) / (count - below)
            low, below = bound, count
        raise AssertionError(f"no quantile of {name}")
