"""The upstream: records every request as it arrived, and echoes it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from .listener import Listener, body_of
from .model import Address, HeaderLines

EVENTS = 4
EVENTS_APART = 0.3


@dataclass(frozen=True)
class Arrival:
    """A request that reached the upstream; ``body`` is None while its body has not ended."""

    method: str
    path: str
    headers: HeaderLines
    body: bytes | None


class Upstream:
    """The server. ``/events`` answers with server-sent events, every other path with an echo."""

    def __init__(self, observe: Callable[[Arrival], None] = lambda arrival: None) -> None:
        self.arrivals: list[Arrival] = []
        self._observe = observe
        self._listener = Listener(self._serve)

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self._listener.address

    async def start(self) -> None:
        """Listens."""
        await self._listener.listen()

    async def stop(self) -> None:
        """Ends all listening."""
        await self._listener.close()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        head = (request.method, request.raw_path, list(request.raw_headers))
        position = len(self.arrivals)
        self.arrivals.append(Arrival(*head, body=None))
        body = await body_of(request)
        self.arrivals[position] = Arrival(*head, body=body)
        self._observe(self.arrivals[position])
        if request.path == "/events":
            return await _events(request)
        return web.json_response(_echo(self.arrivals[position], body), headers={"X-Upstream": "yes"})


def _echo(arrival: Arrival, body: bytes) -> dict[str, object]:
    return {
        "method": arrival.method,
        "path": arrival.path,
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in arrival.headers],
        "body_bytes": len(body),
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }


async def _events(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Upstream": "yes"})
    await response.prepare(request)
    for number in range(EVENTS):
        if number:
            await asyncio.sleep(EVENTS_APART)
        await response.write(f"data: {number}\n\n".encode())
    await response.write_eof()
    return response
