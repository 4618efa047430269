"""A TCP proxy on loopback that can delay, freeze, cut and reset what passes through it."""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg

T = TypeVar("T")
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close sends RST


@dataclass
class Proxy:
    """Passes bytes on to a server's unix socket as its switches say; they may be turned at any time."""

    target: str
    delay: float = 0.0
    port: int = 0
    accepted: int = 0
    _cut_after: int | None = None
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def freeze(self) -> None:
        """Let no byte pass any longer, and accept connections that nobody answers: a black hole."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def thaw(self) -> None:
        """Let what was held back go on, as a network does that comes back."""
        self._loop.call_soon_threadsafe(self._open.set)

    def cut_after(self, size: int) -> None:
        """Cut the connection through which the next `size` bytes go to the server."""
        self._cut_after = size

    def reset(self) -> None:
        """Break every connection with a RST."""
        self._call(self._reset())

    def url(self, url: str) -> str:
        """Return a database's URL with the way through here in place of its own."""
        return psycopg.conninfo.make_conninfo(url, host="127.0.0.1", port=self.port)

    async def _serve(self) -> asyncio.Server:
        self._open.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        ends = [writer]
        try:
            await self._open.wait()
            there_reader, there_writer = await asyncio.open_unix_connection(self.target)
            self._writers.add(there_writer)
            ends.append(there_writer)
            ways = (
                self._pass(reader, there_writer, out=True),
                self._pass(there_reader, writer, out=False),
            )
            await asyncio.gather(*ways)
        except (OSError, asyncio.CancelledError):
            pass
        finally:  # a caller that was killed resets its end: the server has to hear of that too
            for each in ends:
                each.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, out: bool
    ) -> None:
        while data := await reader.read(65_536):
            await asyncio.sleep(self.delay)
            await self._open.wait()
            if out and self._cut_after is not None:
                self._cut_after -= len(data)
                if self._cut_after <= 0:
                    self._cut_after = None
                    await self._reset()
                    return
            writer.write(data)
            await writer.drain()
        writer.close()

    async def _reset(self) -> None:
        for writer in list(self._writers):
            with suppress(OSError):  # a unix socket knows no RST; it is closed
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        self._writers.clear()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


@contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """Run a proxy to a database's server in a thread of its own."""
    where = psycopg.conninfo.conninfo_to_dict(url)
    proxy = Proxy(f"{where['host']}/.s.PGSQL.{where.get('port', 5432)}")
    thread = threading.Thread(target=proxy._loop.run_forever, daemon=True)
    thread.start()
    server = proxy._call(proxy._serve())
    try:
        yield proxy
    finally:
        proxy.thaw()
        proxy._call(proxy._reset())
        server.close()
        proxy._call(asyncio.sleep(0.05))
        proxy._loop.call_soon_threadsafe(proxy._loop.stop)
        thread.join()
        proxy._loop.close()
