"""/metrics, /healthz and /readyz over HTTP, for this machine alone."""

import ipaddress
import json
import signal
import threading
from collections.abc import Iterable
from http import HTTPStatus
from socket import AF_INET6
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from geocrew.errors import UserError
from geocrew.ops.health import check_readiness
from geocrew.ops.probe import Address

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_STOP = (signal.SIGTERM, signal.SIGINT)


def application(registry: CollectorRegistry, address: Address) -> "WSGIApplication":
    """Return the WSGI application; it looks at the database once at a time, however many ask."""
    metrics: WSGIApplication = make_wsgi_app(registry)
    looking = threading.Lock()

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            with looking:
                return metrics(environ, start)
        if path == "/healthz":
            return _reply(start, HTTPStatus.OK, {"alive": True})
        if path == "/readyz":
            with looking:
                found = check_readiness(address)
            status = HTTPStatus.OK if found.ready else HTTPStatus.SERVICE_UNAVAILABLE
            return _reply(start, status, {"ready": found.ready, "reason": found.reason})
        paths = ["/metrics", "/healthz", "/readyz"]
        return _reply(start, HTTPStatus.NOT_FOUND, {"error": "not found", "paths": paths})

    return answer


def listen(host: str, port: int, app: "WSGIApplication") -> WSGIServer:
    """Open the port (0: any free one); raises UserError for a host that others reach, OSError."""
    address = loopback(host)
    server = (_Server6 if ":" in address else _Server)((address, port), _Handler)
    server.set_app(app)
    return server


def serve_until_stopped(server: WSGIServer) -> None:
    """Answer until SIGTERM or SIGINT."""
    before = signal.pthread_sigmask(
        signal.SIG_BLOCK, _STOP
    )  # the threads inherit it: one waiter is left
    thread = threading.Thread(target=server.serve_forever, name="http")
    thread.start()
    try:
        signal.sigwait(_STOP)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def loopback(host: str) -> str:
    """Return the address of a host that only this machine reaches; raises UserError for any other."""
    name = "127.0.0.1" if host == "localhost" else host
    try:
        if ipaddress.ip_address(name).is_loopback:
            return name
    except ValueError:
        pass
    raise UserError(
        f'host "{host}" is not a loopback address, and metrics have no password;'
        " choices: 127.0.0.1, ::1, localhost. For other machines put a proxy in front"
    )


def _reply(start: "StartResponse", status: HTTPStatus, document: dict[str, object]) -> Iterable[bytes]:
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    start(f"{status.value} {status.phrase}", headers)
    return [json.dumps(document).encode() + b"\n"]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True  # a client that never reads does not keep the process


class _Server6(_Server):
    address_family = AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = 10  # seconds for a client to say what it wants

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it so)
        """Say nothing: a scrape every fifteen seconds is no event."""
