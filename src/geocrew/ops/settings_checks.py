"""Settings that are valid one by one and do not go together."""

import os
from collections.abc import Iterator

from geocrew.ops.finding import Finding
from geocrew.settings import MEBIBYTE, Settings

# What docs/jobs.md promises of a dead worker's job, at most.
_RESCUE_SECONDS = 60.0


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Yield which are set, and a warning for each that contradicts another one or the machine."""
    yield Finding("settings", "ok", _describe(settings))
    for name, message, advice in _doubts(settings):
        yield Finding(name, "warning", message, advice)


def _doubts(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Yield (name, what is wrong, what to do)."""
    rescue = settings.lease_seconds + settings.sweep_seconds
    if rescue > _RESCUE_SECONDS:
        message = f"a dead worker's job waits for {rescue:g} s before another one takes it"
        yield "GEOCREW_LEASE_SECONDS", message, "lower it, or GEOCREW_SWEEP_SECONDS"
    if settings.drain_seconds < settings.lease_seconds:
        message = (
            f"a stopping worker gives jobs {settings.drain_seconds:g} s, less than a lease"
            f" ({settings.lease_seconds:g} s): restarts throw work away"
        )
        yield "GEOCREW_DRAIN_SECONDS", message, "raise it above GEOCREW_LEASE_SECONDS"
    if settings.job_timeout_seconds < settings.lease_seconds:
        message = f"jobs are stopped after {settings.job_timeout_seconds:g} s, less than a lease"
        yield "GEOCREW_JOB_TIMEOUT_SECONDS", message, "raise it"
    if settings.retry_base_seconds > settings.retry_max_seconds:
        message = f"the first wait ({settings.retry_base_seconds:g} s) is longer than the longest"
        yield "GEOCREW_RETRY_BASE_SECONDS", message, "lower it below GEOCREW_RETRY_MAX_SECONDS"
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // MEBIBYTE
    if settings.job_memory_mb > memory:
        message = f"one job may take {settings.job_memory_mb} MiB, this machine has {memory}"
        yield (
            "GEOCREW_JOB_MEMORY_MB",
            message,
            "lower it: the kernel would kill before the limit is reached",
        )


def _describe(settings: Settings) -> str:
    changed = [
        f"GEOCREW_{name.upper()}"
        for name in sorted(settings.model_fields_set)
        if getattr(settings, name) != type(settings).model_fields[name].default
    ]
    return f"valid; from the environment: {', '.join(changed) or 'none'}"
