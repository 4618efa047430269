"""docs/settings.md and settings.py say the same."""

import re
from pathlib import Path

from geocrew.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def _rows() -> dict[str, tuple[str, str]]:
    found = re.findall(r"^\| `GEOCREW_(\w+)` \| (.*?) \| (.*?) \|$", PAGE.read_text(), re.MULTILINE)
    return {name.lower(): (default, description) for name, default, description in found}


def test_the_table_has_every_setting_with_its_default_and_description() -> None:
    rows = _rows()
    assert list(rows) == list(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        default, description = rows[name]
        assert description == field.description, name
        if isinstance(field.default, int | float):
            assert float(default) == field.default, name
        elif field.default is None:
            assert default == "none", name
