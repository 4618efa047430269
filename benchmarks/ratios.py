"""From repeated costs to a typed result: medians, and medians of ratios taken within a repeat."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from benchmarks.measure import describe_machine
from benchmarks.server import Cost


class Measured(Protocol):
    """What belongs to a case at a size."""

    @property
    def case(self) -> str:
        """Its name."""

    @property
    def rows_in(self) -> int:
        """The rows, or cells, of its input."""


@dataclass(frozen=True)
class Figure:
    """One way at one case: medians; a ratio above 1 says that ours took less."""

    case: str
    way: str
    rows_in: int
    rows_out: int
    cpu: float
    wall: float
    client_mb: float
    server_mb: float
    cpu_ratio: float
    wall_ratio: float


def compare(
    case: str, rows_in: int, ways: Mapping[str, Callable[[], Cost]], repeats: int
) -> list[Figure]:
    """Run all ways in turn, `repeats` times; the first is ours, in whose terms ratios are given."""
    costs: dict[str, list[Cost]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, call in ways.items():
            costs[way].append(call())
    ours = costs[next(iter(ways))]
    figures = [_figure(case, way, rows_in, each, ours) for way, each in costs.items()]
    for figure in figures:
        print(
            f"{case:28} {figure.way:14} {rows_in:>9} rows  {figure.cpu:8.2f} CPU s {figure.wall:8.2f} s"
            f" {figure.client_mb + figure.server_mb:7.0f} MB  {figure.cpu_ratio:6.2f} x",
            flush=True,
        )
    return figures


def write(path: Path, figures: Sequence[Figure], repeats: int, *packages: str, **more: Any) -> None:
    """Write the result with the machine that it depends on; cases not run again keep what they have."""
    result = {
        "machine": asdict(describe_machine(*packages)),
        "repeats": repeats,
        **more,
        "figures": kept(path, "figures", figures) + [asdict(each) for each in figures],
    }
    path.write_text(json.dumps(result, indent=1) + "\n")


def kept(path: Path, entry: str, fresh: Sequence[Measured]) -> list[dict[str, Any]]:
    """Return what a result has in a list, but for the cases of `fresh`."""
    before = json.loads(path.read_text())[entry] if path.exists() else []
    again = {(each.case, each.rows_in) for each in fresh}
    return [each for each in before if (each["case"], each["rows_in"]) not in again]


def _figure(case: str, way: str, rows_in: int, costs: Sequence[Cost], ours: Sequence[Cost]) -> Figure:
    pairs = list(zip(costs, ours, strict=True))
    return Figure(
        case,
        way,
        rows_in,
        rows_out=costs[0].rows,
        cpu=round(median(cost.cpu for cost in costs), 3),
        wall=round(median(cost.wall for cost in costs), 3),
        client_mb=round(median(cost.client_mb for cost in costs), 1),
        server_mb=round(median(cost.server_mb for cost in costs), 1),
        cpu_ratio=round(median(cost.cpu / own.cpu for cost, own in pairs), 3),
        wall_ratio=round(median(cost.wall / own.wall for cost, own in pairs), 3),
    )
