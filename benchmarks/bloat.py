"""A million jobs through the table: what a claim costs at the end against the start, and the sizes.

Jobs are enqueued, claimed, beaten once and completed in batches by the queue's own statements, with
autovacuum as it is set for the table; no job does anything. Every so often single claims are timed.
Latencies are medians of many and compared within the run.

    python -m benchmarks.bloat [--jobs 1000000]
"""

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from benchmarks.measure import describe_machine

from geocrew import db, local
from geocrew.db import Connection
from geocrew.queue import consume, produce
from geocrew.queue.consume import Beat
from geocrew.schema.migrate import migrate

RESULT = Path(__file__).parent / "results" / "bloat.json"
BATCH = 200
SAMPLES = 1000
SIZES = """
SELECT pg_relation_size('background_jobs'), pg_relation_size('background_jobs_claim'),
    pg_relation_size('background_jobs_running'),
    (SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'background_jobs')
"""


@dataclass(frozen=True)
class Moment:
    """The queue after so many jobs: latencies in ms, sizes in bytes."""

    jobs: int
    claim_p50_ms: float
    claim_p95_ms: float
    table: int
    claim_index: int
    running_index: int
    dead_rows: int


def pass_through(connection: Connection, count: int) -> None:
    """Take `count` jobs from enqueue to completed, with one heartbeat each."""
    for _ in range(count // BATCH):
        with connection.transaction():
            for _ in range(BATCH):
                produce.enqueue(connection, "bench", {"dataset_id": 1, "value_field": "value"})
        claims = consume.claim(connection, ["bench"], "bench", 60.0, BATCH)
        beats = [Beat(claim.id, claim.lease, 50, "half way") for claim in claims]
        consume.heartbeat(connection, beats, 60.0)
        with connection.transaction():
            for claim in claims:
                consume.complete(connection, claim.id, claim.lease, {"dataset_id": 1})


def look(connection: Connection, jobs: int) -> Moment:
    """Time single claims among two thousand waiting jobs, and put all back as it was."""
    with connection.transaction():
        for _ in range(2 * SAMPLES):
            produce.enqueue(connection, "bench", {})
    seconds = []
    for _ in range(SAMPLES):
        began = perf_counter()
        (claim,) = consume.claim(connection, ["bench"], "bench", 60.0, 1)
        seconds.append(perf_counter() - began)
        consume.complete(connection, claim.id, claim.lease, {})
    for claim in consume.claim(connection, ["bench"], "bench", 60.0, 2 * SAMPLES):
        consume.complete(connection, claim.id, claim.lease, {})
    row = connection.execute(SIZES).fetchone()
    assert row is not None
    cuts = quantiles(seconds, n=20)
    return Moment(jobs, round(median(seconds) * 1e3, 3), round(cuts[-1] * 1e3, 3), *row)


def main() -> None:
    """Run on a server of its own and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    jobs: int = parser.parse_args().jobs
    with tempfile.TemporaryDirectory(prefix="geocrew-benchmark-") as name:
        home = Path(name)
        home.chmod(0o755)
        url = local.start(home / "cluster", shared_buffers="256MB", max_wal_size="4GB", fsync="off")
        try:
            with db.connect(url, "benchmark") as connection:
                migrate(connection)
                pass_through(connection, 10_000)
                moments = [look(connection, 10_000)]
                for done in range(1, 11):
                    pass_through(connection, jobs // 10)
                    moments.append(look(connection, 10_000 + done * jobs // 10))
                    print(moments[-1], flush=True)
        finally:
            local.stop(home / "cluster", "immediate")
    first, last = moments[0], moments[-1]
    result = {
        "machine": asdict(describe_machine("psycopg")),
        "claim_p50_ratio": round(last.claim_p50_ms / first.claim_p50_ms, 3),
        "claim_p95_ratio": round(last.claim_p95_ms / first.claim_p95_ms, 3),
        "moments": [asdict(moment) for moment in moments],
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(result["claim_p50_ratio"], result["claim_p95_ratio"])


if __name__ == "__main__":
    main()
