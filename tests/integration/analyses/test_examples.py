"""The worked examples of the documentation come out as printed."""

import json
import re
from pathlib import Path

import pytest
from tests.run_analysis import run_analysis

from geocrew.db import Connection

DOCS = Path(__file__).parents[3] / "docs" / "analyses"
# Who stands out, as the text says: job type → (score column, name, value, score to two digits).
NAMED = {
    "hotspot_analysis": ("gi_z", [("Wilcox", 25.6, "9.43"), ("Bowman", 2.7, "-5.76")]),
    "outlier_analysis": ("outlier_score", [("Imperial", 30.1, "6.97"), ("Slope", 1.2, "-2.31")]),
}


@pytest.mark.parametrize("job_type", NAMED)
def test_example(shared: Connection, demo_ids: dict[str, int], job_type: str) -> None:
    text = (DOCS / f"{job_type}.md").read_text("utf-8").replace("\N{MINUS SIGN}", "-")
    params, expected = (json.loads(each) for each in re.findall(r"```json\n(.*?)```", text, re.DOTALL))
    run = run_analysis(shared, job_type, params | {"dataset_id": demo_ids["us_counties_2009"]})
    for name, value in expected.items():
        assert run.counts[name] == (pytest.approx(value, rel=1e-12) if name != "scale" else value)
    score, named = NAMED[job_type]
    rows = sorted((row for row in run.rows() if row[score] is not None), key=lambda row: -row[score])
    for row, (name, rate, printed) in zip((rows[0], rows[-1]), named, strict=True):
        assert (row["name"], row["unemployment_rate"]) == (name, rate)
        assert f"{row[score]:.2f}" == printed
        assert name in text
        assert f"rate {rate}," in text
        assert printed in text
    assert f"geocrew run {job_type} " + " ".join(f"{k}={v}" for k, v in params.items()) in text
