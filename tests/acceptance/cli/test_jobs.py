"""Looking at jobs and moving them."""

from tests.acceptance.cli.command import Command

from geocrew.db import Connection
from geocrew.queue import consume, produce


def test_list_filters_and_pages(geocrew: Command, connection: Connection) -> None:
    ids = [produce.enqueue(connection, kind, {}) for kind in ("a", "b", "a")]
    produce.cancel(connection, ids[0])

    def listed(*options: str) -> list[int]:
        return [each["id"] for each in geocrew("jobs", "list", "--json", *options).document]

    assert listed() == ids[::-1]
    assert listed("--type", "a") == [ids[2], ids[0]]
    assert listed("--status", "cancelled") == [ids[0]]
    assert listed("--limit", "1", "--before", str(ids[2])) == [ids[1]]
    page = geocrew("jobs", "list", "--limit", "2")
    assert f"--before {ids[1]}" in page.err
    assert [line.split()[:3] for line in page.out.splitlines()[1:]] == [
        [str(ids[2]), "a", "queued"],
        [str(ids[1]), "b", "queued"],
    ]


def test_show_tells_attempts_log_and_times(geocrew: Command, connection: Connection) -> None:
    job_id = produce.enqueue(connection, "a", {"size": 3, "text": "\x1b[31mred"})
    (claim,) = consume.claim(connection, ["a"], "me", 60, 1)
    consume.write_log(connection, claim, [("warning", "few features")])
    assert consume.retry_later(connection, claim, "failed", "the disk was full", 0)
    (claim,) = consume.claim(connection, ["a"], "me", 60, 1)
    assert consume.fail(connection, claim, "failed", "still full")

    page = geocrew("jobs", "show", str(job_id))
    assert page.code == 0
    for told in ("failed", "2 of 5", "the disk was full", "still full", "few features", "last started"):
        assert told in page.out
    assert "\x1b" not in page.out
    assert "\\x1b[31mred" in page.out
    job = geocrew("jobs", "show", str(job_id), "--json").document
    assert [each["error_message"] for each in job["attempts"]] == ["the disk was full", "still full"]
    assert job["log"][0]["message"] == "few features"
    assert job["params"]["size"] == 3

    followed = geocrew("jobs", "log", str(job_id), "--follow")
    assert followed.code == 0
    assert "few features" in followed.out
    assert geocrew("jobs", "log", str(job_id), "--json").document[0]["level"] == "warning"


def test_retry_queues_again(geocrew: Command, connection: Connection) -> None:
    job_id = produce.enqueue(connection, "a", {})
    refused = geocrew("jobs", "retry", str(job_id))
    assert refused.code == 2
    assert f"job {job_id} is queued; only failed and cancelled jobs can be retried" in refused.err
    produce.cancel(connection, job_id)
    assert geocrew("jobs", "retry", str(job_id)).out == f"job {job_id} is queued\n"


def test_a_job_that_is_not_there(geocrew: Command) -> None:
    for verb in ("show", "log", "cancel", "retry", "wait"):
        answer = geocrew("jobs", verb, "77")
        assert answer.code == 2
        assert "job 77 does not exist" in answer.err
