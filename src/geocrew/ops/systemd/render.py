"""Unit files from templates, each with a head that tells how it was made."""

import hashlib
import json
import re
from dataclasses import dataclass
from importlib import resources
from string import Template

from pydantic import ValidationError

from geocrew.ops.systemd.options import WORKERS, UnitOptions

TARGET = "geocrew.target"
SLICE = "geocrew.slice"
_HEAD = """\
# Made by `geocrew systemd render`: put changes into a drop-in (systemctl edit {name}).
# options: {options}
# checksum: {checksum}
"""
_PARTS = re.compile(r"\A# Made by .*\n# options: (.*)\n# checksum: ([0-9a-f]{64})\n", re.MULTILINE)


@dataclass(frozen=True)
class Made:
    """How a unit file was made, as its head says; `intact` when nobody has changed it since."""

    options: UnitOptions
    intact: bool


def render(options: UnitOptions) -> dict[str, str]:
    """Return the text of every unit by file name."""
    services = {service(name): _service(name, options) for name in WORKERS}
    high = options.total_memory_percent * 9 // 10
    return services | {
        TARGET: _fill(TARGET, TARGET, options, services=" ".join(services)),
        SLICE: _fill(
            SLICE,
            SLICE,
            options,
            total_memory_high_percent=high,
            total_tasks=_tasks(options) * len(WORKERS),
        ),
    }


def service(worker: str) -> str:
    """Return the unit of a worker."""
    return f"{worker}_worker.service"


def read(text: str) -> Made | None:
    """Read the head of a unit file; None for a file that is not of our making."""
    head = _PARTS.match(text)
    if head is None:
        return None
    try:
        options = UnitOptions(**json.loads(head[1]))
    except (ValueError, TypeError, ValidationError):
        return None
    return Made(options, _checksum(head[1], text[head.end() :]) == head[2])


def _service(worker: str, options: UnitOptions) -> str:
    job_types = WORKERS[worker]
    return _fill(
        "worker.service",
        service(worker),
        options,
        worker=worker,
        job_types=" ".join(job_types),
        jobs=" and ".join(job_types),
        tasks=_tasks(options),
        memory_high_mb=options.memory_high_mb,
        job_memory_mb=options.job_memory_mb,
    )


def _tasks(options: UnitOptions) -> int:
    """Return how many processes and threads: a job is one process, GDAL and Arrow have a few threads."""
    return 64 + 32 * options.concurrency


def _fill(template: str, name: str, options: UnitOptions, **values: object) -> str:
    source = resources.files(__package__).joinpath(f"{template}.template").read_text("utf-8")
    body = Template(source).substitute(options.model_dump() | values)
    chosen = json.dumps(options.model_dump())
    return _HEAD.format(name=name, options=chosen, checksum=_checksum(chosen, body)) + body


def _checksum(options: str, body: str) -> str:
    return hashlib.sha256(f"{options}\n{body}".encode()).hexdigest()
