"""How a job ended, and what its owner can do about it."""

from geocrew.ops.circumstances import Circumstances
from geocrew.ops.wording import duration

_ADVICE = {
    "rejected": "mend the request or its data and submit it anew",
    "quarantined": "look into the worker's log first; then: {again}",
    "timed_out": "give it more time (GEOCREW_JOB_TIMEOUT_SECONDS) or less to do; then: {again}",
    "out_of_memory": "give it more memory (GEOCREW_JOB_MEMORY_MB) or less to do; then: {again}",
    "no_resources": "make room or give it less to do; then: {again}",
}
_AGAIN = "it had no attempt left; to try again: {again}"
_UNKNOWN = "submit it with a known job type: geocrew analyses list"


def explain_end(job: Circumstances) -> str:
    """Return one sentence about a job that is over."""
    ago, again = duration(job.finished_seconds or 0.0), f"geocrew jobs retry {job.id}"
    if job.status == "completed":
        made = f"; its dataset: {job.dataset_id}" if job.dataset_id else ""
        return f"it was completed {ago} ago{made}"
    if job.status == "cancelled":
        return f"it was cancelled by request {ago} ago; to run it after all: {again}"
    advice = _ADVICE.get(job.last_outcome, _AGAIN) if job.last_outcome else _UNKNOWN
    return f"it failed {ago} ago: {job.error_message}; {advice.format(again=again)}"
