"""How reports for people write times and numbers of jobs."""

from collections.abc import Sequence


def duration(seconds: float) -> str:
    """Write a duration with the precision that matters: `12 s`, `7 min`, `5 h`, `3 days`."""
    for unit, size, limit in (("s", 1, 120), ("min", 60, 7_200), ("h", 3600, 172_800)):
        if seconds < limit:
            return f"{max(0.0, seconds) / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def name_jobs(ids: Sequence[int]) -> str:
    """Name a job, or the first five of several."""
    shown = ", ".join(str(each) for each in ids[:5])
    if len(ids) == 1:
        return f"job {shown}"
    return f"{len(ids)} jobs ({shown}{' …' if len(ids) > 5 else ''})"
