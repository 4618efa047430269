"""`geocrew metrics`: numbers for Prometheus."""

from typing import Annotated

import typer

from geocrew.cli.output import notice


def metrics(
    serve: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            min=0,
            max=65535,
            help="Answer /metrics, /healthz and /readyz here until SIGTERM; 0 takes a free port.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Loopback address to answer on.")] = "127.0.0.1",
) -> None:
    """Print metrics in Prometheus' text format, or serve them to this machine."""
    from geocrew.cli.session import find_url, read_settings
    from geocrew.ops.metrics import exposition, registry

    settings = read_settings()

    def address() -> str:
        return find_url(settings)

    if serve is None:
        typer.echo(exposition(address, settings, notice), nl=False)
        return
    from geocrew.ops.endpoints import application, listen, serve_until_stopped

    server = listen(host, serve, application(registry(address, settings, notice), address))
    name = f"[{server.server_name}]" if ":" in host else host
    notice(f"serving http://{name}:{server.server_port}/metrics, /healthz, /readyz")
    serve_until_stopped(server)
