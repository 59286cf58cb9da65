"""Runs the gateway suite's scenarios on the model."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from gateway_suite.model import Piece, Request, Response, Site
from kong_model.effect import Answer
from kong_model.message import ClientRequest
from kong_model.model import KongModel
from kong_model.network import NetworkCallouts, NetworkUpstream
from kong_model.route import Filter, Route, Service
from kong_model.settings import Settings
from kong_model.stream import Stream

_VARIANTS = {"no-zone": {}, "zone": {"*": "1m"}}
_CLIENT_PATIENCE = 60.0
_LARGE_HEADER_BUFFER = 32 * 1024
"""large_client_header_buffers of the project's kong.conf, for long tokens (T4)."""


class _Running:
    """A model on a thread of its own."""

    def __init__(self, model: KongModel) -> None:
        self.model = model
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def start(self) -> None:
        """Starts the filters, then the thread."""
        self.model.start()
        self._thread.start()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self.model.step(timeout=0.2)

    def stop(self) -> None:
        """Ends the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10)


class KongModelDriver:
    """Kong's Wasm host as a model: one worker for all sites whose filter sees the same environment.

    So the configurations of many scenarios live in one instance (S5), as they do on Kong.
    """

    name = "kong-model"
    family = "kong"
    variants = tuple(_VARIANTS)

    def __init__(self) -> None:
        self._running: dict[tuple[str, tuple[tuple[str, str], ...]], _Running] = {}
        self._routes: dict[str, Route] = {}
        self._streams: dict[str, list[Stream]] = {}

    def start(self, sites: Sequence[Site], wasm: Path, workdir: Path) -> None:
        """Makes a route for each site, and starts the workers."""
        del workdir
        module = wasm.read_bytes()
        for site in sites:
            service = Service(host=site.upstream.host, port=site.upstream.port)
            filters = (Filter(site.config.encode()),)
            route = Route(filters=filters, service=service, name=site.name, guards=("scheme",))
            self._routes[site.name] = route
            self._streams[site.name] = []
            key = self._key(site)
            if key not in self._running:
                settings = Settings(
                    shm_kv=_VARIANTS[site.variant],
                    environment=dict(key[1]),
                    header_line_limit=_LARGE_HEADER_BUFFER,
                    header_limit=4 * _LARGE_HEADER_BUFFER,
                    trusted_certificate=str(site.trust) if site.trust else None,
                )
                ports = NetworkCallouts(settings), NetworkUpstream()
                self._running[key] = _Running(KongModel(module, settings, callouts=ports[0], upstream=ports[1]))
            self._running[key].model.add_route(route)
        for running in self._running.values():
            running.start()

    @staticmethod
    def _key(site: Site) -> tuple[str, tuple[tuple[str, str], ...]]:
        return site.variant, tuple(sorted(site.gateway.get("environment", {}).items()))

    def send(self, site: Site, request: Request) -> Response:
        """Sends one request into the worker and waits for its end."""
        model = self._running[self._key(site)].model
        ended = threading.Event()
        seen: list[Stream] = []

        def opened(stream: Stream) -> None:
            seen.append(stream)
            self._streams[site.name].append(stream)

        begun = time.monotonic()
        model.open_later(_to_client(request), self._routes[site.name], opened, lambda _stream: ended.set())
        ended.wait(_CLIENT_PATIENCE if request.disconnect_after is None else request.disconnect_after)
        elapsed = time.monotonic() - begun
        if not ended.is_set() and seen:
            model.post(lambda: model.disconnect(seen[0]))
            return Response(None, elapsed=elapsed, error="the client left")
        answers = seen[0].effect.answers if seen else []
        if seen and seen[0].effect.hung:
            return Response(None, elapsed=elapsed, error="the client would wait for ever")
        return _to_response(answers[0] if answers else Answer(None, why="no answer"), begun, elapsed)

    def log(self, site: Site) -> str:
        """What the site's root context and its requests have written."""
        model = self._running[self._key(site)].model
        lines = list(model.roots[site.name, 0].log)
        for stream in self._streams[site.name]:
            lines += stream.effect.log
        return "\n".join(lines)

    def trapped(self, site: Site) -> str | None:
        """Any trap, crash or harm of the site's requests, and a start that took the chains away (K1)."""
        model = self._running[self._key(site)].model
        if not model.runs_chains or model.dead:
            return f"the filters did not start: {model.log[-1:]}"
        harm = [why for stream in self._streams[site.name] for why in stream.effect.harm_by_filter]
        return next(iter(harm), None)

    def memory(self) -> int:
        """The linear memory of every worker's instance."""
        guests = [running.model.guest for running in self._running.values()]
        return sum(guest.memory_size() for guest in guests if guest is not None)

    def stop(self) -> None:
        """Ends the workers."""
        for running in self._running.values():
            running.stop()


def _to_client(request: Request) -> ClientRequest:
    lines = list(request.headers)
    if request.body == b"" and not request.chunked:
        lines.append((b"content-length", b"0"))
    return ClientRequest(request.method, request.path, lines, request.body or b"", request.chunked)


def _to_response(answer: Answer, begun: float, elapsed: float) -> Response:
    pieces, start = [], 0
    for at, size in answer.arrivals:
        pieces.append(Piece(at - begun, answer.body[start : start + size]))
        start += size
    return Response(answer.status, list(answer.headers), pieces, elapsed, answer.why or None)
