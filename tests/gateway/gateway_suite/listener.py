"""A port that is kept for the whole run, and at which a server can come and go."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

from .model import Address

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
MAX_LINE_BYTES = 1 << 18
"""Header lines up to this length are read: tokens may be long."""


class Listener:
    """A handler at a port of its own.

    The port stays bound while nothing listens, so that no other process gets it, and a connection is
    refused by the kernel.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.tls: ssl.SSLContext | None = None
        self._reserved = _bound(0)
        self.address = Address("127.0.0.1", self._reserved.getsockname()[1])
        self._server: web.Server | None = None
        self._listening: asyncio.Server | None = None

    async def listen(self) -> None:
        """Starts to serve."""
        if self._listening is not None:
            return
        self._server = web.Server(
            self._handler, access_log=None, max_line_size=MAX_LINE_BYTES, max_field_size=MAX_LINE_BYTES
        )
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._server, sock=_bound(self.address.port), ssl=self.tls)

    async def refuse(self) -> None:
        """Stops serving and drops all connections; the port stays reserved."""
        if self._listening is None or self._server is None:
            return
        self._listening.close()
        await self._server.shutdown(0.1)
        self._listening = self._server = None

    async def close(self) -> None:
        """Stops serving and gives the port back."""
        await self.refuse()
        self._reserved.close()


async def body_of(request: web.BaseRequest) -> bytes:
    """The whole body, however long."""
    return await request.content.read()


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound
