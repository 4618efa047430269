"""Every setting, read once by the entry point and passed down."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MEBIBYTE = 1024 * 1024


def _default_data_dir() -> Path:
    """Root's home is closed to the server's own user, so root's data lives where both can enter."""
    if os.geteuid() == 0:
        return Path("/var/lib/geocrew")
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "geocrew"


class Settings(BaseSettings):
    """Environment variables `GEOCREW_…`, described in docs/settings.md."""

    model_config = SettingsConfigDict(
        env_prefix="GEOCREW_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    database_url: str | None = Field(
        None,
        description="libpq connection string or URL; without it the private database in `data_dir`",
    )
    data_dir: Path = Field(
        default_factory=_default_data_dir,
        description="the private database and the raster files",
    )
    lease_seconds: float = Field(
        10.0, ge=1, le=3600, description="how long a claim is good for without a heartbeat"
    )
    poll_seconds: float = Field(
        5.0, ge=0.1, le=300, description="how often an idle worker looks when nothing wakes it"
    )
    sweep_seconds: float = Field(
        3.0, ge=0.1, le=300, description="how often a worker rescues lapsed jobs"
    )
    drain_seconds: float = Field(
        30.0, ge=0, le=86400, description="how long a stopping worker lets its jobs finish"
    )
    job_timeout_seconds: float = Field(
        86400.0, gt=0, description="wall time of a job that names no timeout of its own"
    )
    job_memory_mb: int = Field(
        4096, ge=64, description="memory a job may hold before it is stopped, MiB"
    )
    crash_limit: int = Field(
        3,
        ge=1,
        le=1000,
        description="how often a job may take its process or worker down before it fails",
    )
    abandon_seconds: float = Field(
        60.0,
        ge=0,
        le=86400,
        description="how long a worker waits for a call in PostgreSQL that cannot be interrupted",
    )
    keep_days: float | None = Field(
        None, gt=0, description="workers delete jobs that finished longer ago; unset: none"
    )
    log_dir: Path | None = Field(
        None, description="where workers keep `worker_{name}.log` too; unset: standard output alone"
    )
    retry_base_seconds: float = Field(
        5.0, ge=0, description="wait before the second attempt; doubles with each further one"
    )
    retry_max_seconds: float = Field(600.0, ge=0, description="longest wait between attempts")

    @property
    def raster_dir(self) -> Path:
        """Where raster datasets keep their files."""
        return self.data_dir / "rasters"
