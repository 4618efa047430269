"""What pictures share: a database with the demo data, the directory of rasters, the map of counties."""

from dataclasses import dataclass
from pathlib import Path

from scripts.pictures.counties import Counties, read_counties
from scripts.pictures.rows import ALBERS, Row, read_rows
from tests.run_analysis import Run

from geocrew.datasets import catalog
from geocrew.db import Connection


@dataclass(frozen=True)
class Stage:
    """An open session and what was read through it before any example ran."""

    connection: Connection
    rasters: Path
    counties: Counties

    @classmethod
    def read(cls, connection: Connection, rasters: Path) -> "Stage":
        """Read the counties of a database with the demo data."""
        return cls(connection, rasters, read_counties(connection))

    def rows(self, run: Run, srid: int = ALBERS) -> list[Row]:
        """Return the rows of an example's outcome, their shapes in `srid`."""
        return read_rows(self.connection, str(run.dataset.table_name), srid)

    def rows_of(self, name: str) -> list[Row]:
        """Return the rows of the dataset of a name."""
        return read_rows(self.connection, str(catalog.find(self.connection, name).table_name), ALBERS)
