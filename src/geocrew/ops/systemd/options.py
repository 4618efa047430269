"""What an operator may choose about the units, and which worker runs which jobs."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from geocrew.errors import InvalidParameters

# Who looks after a view also refreshes it.
WORKERS: Mapping[str, tuple[str, ...]] = {
    "hotspot": ("hotspot_analysis",),
    "outlier": ("outlier_analysis",),
    "nearest": ("nearest",),
    "dissolve": ("dissolve",),
    "clip": ("clip",),
    "raster_clip": ("raster_clip",),
    "create_view": ("create_view", "refresh_view"),
    "erase": ("erase_analysis",),
    "hotspot_timeseries": ("hotspot_timeseries",),
}

# No space, quote, percent or dollar sign: none of them means itself in a unit file.
_PATH = r"^/[A-Za-z0-9._@+/-]*$"
_ACCOUNT = r"^[a-z_][a-z0-9_-]{0,30}$"
# The worker itself, without its jobs: 310 MiB once it has compiled every kernel.
_WORKER_MB = 512


class UnitOptions(BaseModel):
    """Paths, account and limits; the defaults are those of the unit files in `systemd/`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    program: str = Field("/opt/geocrew/venv/bin/geocrew", pattern=_PATH)
    data_directory: str = Field("/var/lib/geocrew", pattern=_PATH)
    environment_file: str = Field("/etc/geocrew/geocrew.env", pattern=_PATH)
    user: str = Field("geocrew", pattern=_ACCOUNT)
    group: str = Field("geocrew", pattern=_ACCOUNT)
    concurrency: int = Field(1, ge=1, le=256)
    memory_mb: int = Field(5120, ge=1024, le=16_777_216)
    cpu_percent: int = Field(200, ge=1, le=100_000)
    total_memory_percent: int = Field(75, ge=2, le=100)

    @classmethod
    def chosen(cls, given: Mapping[str, Any], before: Self | None = None) -> Self:
        """Return options as `before`, or the defaults, with what was given instead.

        Raises InvalidParameters that names each option, its value and what it may be.
        """
        kept = before.model_dump() if before else {}
        try:
            options = cls(**kept | {name: each for name, each in given.items() if each is not None})
        except ValidationError as error:
            raise InvalidParameters([_describe(dict(each)) for each in error.errors()]) from error
        if options.job_memory_mb < 64:
            few = (
                f"--memory-mb {options.memory_mb} leaves {options.job_memory_mb} MiB for each of"
                f" {options.concurrency} jobs; a job needs 64 at least"
            )
            raise InvalidParameters([few])
        return options

    @property
    def memory_high_mb(self) -> int:
        """From here on the kernel takes memory back before it kills."""
        return self.memory_mb * 9 // 10

    @property
    def job_memory_mb(self) -> int:
        """What one job may hold so that the worker, not the kernel, ends it first."""
        return (self.memory_high_mb - _WORKER_MB) // self.concurrency


def _describe(problem: dict[str, Any]) -> str:
    option = "--" + str(problem["loc"][0]).replace("_", "-")
    wanted = {
        _PATH: "must be an absolute path of letters, digits and ._@+/-",
        _ACCOUNT: "must be the name of an account: at most 31 of a-z, 0-9, _ and -",
    }.get(problem.get("ctx", {}).get("pattern", ""), problem["msg"].replace("Input should", "should"))
    return f"{option} {wanted}, not {problem['input']!r}"
