"""The demonstration, from nothing and again."""

from tests.acceptance.cli.command import Command

from geocrew import analyses, demo


def test_demo_runs_from_nothing_and_again(private: Command) -> None:
    first = private("demo")
    assert first.code == 0, first.err
    for name in [each.stem for each in demo.files()]:
        assert name in first.err
    for told in ("hotspot_analysis", "completed", "3142", "17326", "99% hot: 490", "outliers: 154"):
        assert told in first.out
    for told in analyses.load().keys() - {"refresh_view"}:
        assert told in first.out
    for told in ("geocrew jobs show 1", "geocrew db shell", "psql ", "QGIS", "datasets export"):
        assert told in first.out
    assert "the database goes on running" in first.out
    assert private("db", "status", "--json").document["state"] == "running"
    assert private("doctor", "--json").document["healthy"]

    second = private("demo")
    assert second.code == 0, second.err
    assert second.err.count(" is there") == len(demo.files())
    jobs = private("jobs", "list", "--limit", "50", "--json").document
    assert [each["status"] for each in jobs] == ["completed"] * 22
    assert private("db", "stop").code == 0


def test_demo_on_a_given_database_fails_where_a_job_does(geocrew: Command) -> None:
    answer = geocrew("demo", GEOCREW_JOB_TIMEOUT_SECONDS="0.001")
    assert answer.code == 3
    assert "0.001 seconds, the job's timeout" in answer.out
    assert "the database goes on running" not in answer.out
    assert "starting the private database" not in answer.err
