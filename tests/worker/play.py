"""An analysis for tests: it does to its process what real ones must never do."""

import ctypes
import os
import signal
from typing import Any, Literal

import numpy as np
from pydantic import Field

from geocrew.analysis import Analysis, Column, Context, Params, Product
from geocrew.datasets.build import build
from geocrew.datasets.compose import compose
from geocrew.db import Connection
from geocrew.errors import TransientError, UserError

Act = Literal[
    "publish",
    "hold_gil",
    "burn",
    "sql",
    "hog",
    "segfault",
    "exit",
    "transient",
    "bug",
    "user_error",
    "talk",
    "spill",
    "lock",
    "node",
    "fill",
    "index",
    "patience",
]


class PlayParams(Params):
    """What to do, for how long, and before which attempt to behave."""

    act: Act = "publish"
    seconds: float = Field(0.0, ge=0)
    good_from_attempt: int = 1_000_000


def _check(_params: PlayParams, _connection: Connection, _user_id: int) -> None:
    """Everything is fine."""


def _run(params: PlayParams, context: Context) -> Product:
    attempt = context.connection.execute(
        "SELECT attempt FROM public.background_jobs WHERE lease = %s", (context.staging.lease,)
    ).fetchone()
    context.connection.execute(
        "INSERT INTO public.starts (job_id) VALUES (%s)", (context.staging.job_id,)
    )
    context.connection.execute(
        compose("CREATE TABLE {table} ()", table=context.staging.relation("aside"))
    )
    context.progress(0.25, "playing")
    if attempt is None or attempt[0] < params.good_from_attempt:
        _act(params, context)
    select = compose(
        "SELECT 1::bigint AS id, ST_SetSRID(ST_Point(0, 0), 4326)::geometry(Point, 4326) AS geom"
    )
    staged = build(context.connection, context.staging, "static", select)
    return Product(staged, f"Play {context.staging.job_id}", {})


def _act(params: PlayParams, context: Context) -> None:
    acts: dict[Act, Any] = {
        "publish": lambda: None,
        # PyDLL calls C without letting go of the GIL: no thread of this process can run meanwhile.
        "hold_gil": lambda: ctypes.PyDLL(None).usleep(int(params.seconds * 1e6)),
        "burn": lambda: sum(range(10**12)),
        "sql": lambda: context.connection.execute("SELECT pg_sleep(%s)", (params.seconds,)),
        "hog": lambda: np.ones(2**34),
        "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
        "exit": lambda: os._exit(7),
        "transient": lambda: _raise(TransientError("come again")),
        "bug": lambda: _raise(ZeroDivisionError("secret detail")),
        "user_error": lambda: _raise(UserError("act is not what you want")),
        "talk": lambda: _talk(context),
        "spill": lambda: context.connection.execute(
            "SELECT i FROM generate_series(1, 1000000) AS i ORDER BY -i OFFSET 999999"
        ),
        "fill": lambda: context.connection.execute(
            compose(
                "CREATE TABLE {table} AS SELECT md5(i::text) FROM generate_series(1, 1000000) AS i",
                table=context.staging.relation("full"),
            )
        ),
        "node": lambda: context.connection.execute("SELECT ST_Node(geom) FROM public.tangle"),
        "index": lambda: _index(context),
        "patience": lambda: _tell_patience(context),
        "lock": lambda: context.connection.execute("DROP TABLE public.contended"),
    }
    acts[params.act]()


def _talk(context: Context) -> None:
    for number in range(3000):
        context.log(f"line {number}")


def _tell_patience(context: Context) -> None:
    query = "SELECT current_setting('idle_in_transaction_session_timeout')::interval >= '30 min'"
    context.log(str(context.connection.execute(query).fetchone()))


def _index(context: Context) -> None:
    context.progress(0.4, "making an index", 0.8)
    context.connection.execute("CREATE INDEX ON public.many USING gist (public.held(geom))")


def _raise(error: Exception) -> None:
    raise error


ANALYSIS = Analysis(
    job_type="play",
    title="Play",
    summary="For tests.",
    params=PlayParams,
    columns=(Column("id", "bigint", "one"),),
    check=_check,
    run=_run,
)
