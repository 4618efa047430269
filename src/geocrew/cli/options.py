"""Options that several commands share."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Concurrency = Annotated[
    int, typer.Option("--concurrency", min=1, max=256, help="Jobs at once in one worker.")
]
JobId = Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="Number of the job.")]
DatasetReference = Annotated[
    str, typer.Argument(metavar="ID|NAME", help="Number or name of the dataset.")
]
