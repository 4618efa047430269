"""The doctor as a command; each check is tested in tests/integration/cli."""

from tests.acceptance.cli.command import Command


def test_a_sound_set_up_is_told_line_by_line(geocrew: Command) -> None:
    answer = geocrew("doctor")
    assert answer.code == 0, answer.out
    lines = answer.out.splitlines()
    assert all(line.split()[0] in ("ok", "warning") for line in lines)
    for name in ("settings", "database", "PostGIS", "migrations", "jobs", "clock", "data disk"):
        assert any(f"  {name}: " in line for line in lines)
    assert any("worker for hotspot_analysis: none is alive" in line for line in lines)


def test_no_database_is_a_problem(private: Command) -> None:
    answer = private("doctor", "--json")
    assert answer.code == 78
    assert not answer.document["healthy"]
    (problem,) = [each for each in answer.document["checks"] if each["state"] == "problem"]
    assert problem["name"] == "database"
    assert "geocrew db start" in problem["advice"]


def test_wrong_settings_and_a_wrong_address_are_problems(geocrew: Command) -> None:
    wrong = geocrew("doctor", GEOCREW_LEASE_SECONDS="soon")
    assert wrong.code == 78
    assert "GEOCREW_LEASE_SECONDS" in wrong.out
    lost = geocrew("doctor", GEOCREW_DATABASE_URL="somewhere")
    assert lost.code == 78
    assert "problem  database" in lost.out
