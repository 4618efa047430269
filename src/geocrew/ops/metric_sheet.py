"""What one scrape has found, in the form that prometheus_client writes out."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import Metric

from geocrew.ops.metric_families import FAMILIES


class Sheet:
    """Values by metric; only metrics of metric_families.py can be put down, with all their labels."""

    def __init__(self) -> None:
        self._metrics: Final[dict[str, Metric]] = {}

    def put(self, name: str, value: float, *labels: str) -> None:
        """Put down the value of a gauge or counter."""
        self._metric(name).add_sample(name, self._labels(name, labels), value)

    def put_histogram(
        self,
        name: str,
        bounds: Sequence[float],
        counts: Mapping[float, float],
        total: float,
        *labels: str,
    ) -> None:
        """Put down a histogram: `counts` of values up to each bound and above the one before, their sum.

        A count at a bound that is not among `bounds` goes into the next one; the last is infinity.
        """
        metric, named = self._metric(name), self._labels(name, labels)
        for bound in bounds:
            below = sum(count for each, count in counts.items() if each <= bound)
            edge = "+Inf" if math.isinf(bound) else str(bound)
            metric.add_sample(f"{name}_bucket", {**named, "le": edge}, below)
        metric.add_sample(f"{name}_count", named, sum(counts.values()))
        metric.add_sample(f"{name}_sum", named, total)

    def metrics(self) -> Iterator[Metric]:
        """Yield what has values, in the order of the table."""
        return (self._metrics[name] for name in FAMILIES if name in self._metrics)

    def _metric(self, name: str) -> Metric:
        family = FAMILIES[name]
        if name not in self._metrics:
            self._metrics[name] = Metric(name.removesuffix("_total"), family.help, family.kind)
        return self._metrics[name]

    @staticmethod
    def _labels(name: str, values: Sequence[str]) -> dict[str, str]:
        return dict(zip(FAMILIES[name].labels, values, strict=True))
