"""One request inside the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kong_model import access
from kong_model.abi import Pairs
from kong_model.callout import Callout
from kong_model.effect import Answer, Effect
from kong_model.guest import Guest
from kong_model.header_lines import RequestHeaders, ResponseHeaders
from kong_model.message import ClientRequest, escaped_path, normalised_path, split_target
from kong_model.route import Filter, Route
from kong_model.settings import Settings, parse_size


@dataclass
class Root:
    """A root context: one for each filter of each route's chain (Q7), and never removed (Q9)."""

    number: int
    filter: Filter
    guest: Guest | None = None
    """The instance it was started in."""
    tick_period: int = 0
    log: list[str] = field(default_factory=list)


@dataclass
class FilterContext:
    """A filter's context of one request."""

    number: int
    root: Root
    guest: Guest
    """The instance it was started in."""
    pending: dict[int, Callout] = field(default_factory=dict)
    failed: bool = False


@dataclass
class LocalResponse:
    """A reply that a filter has asked for."""

    status: int
    headers: Pairs
    body: bytes


class Stream:
    """A request and all that the host keeps for it."""

    def __init__(self, request: ClientRequest, lines: Pairs, route: Route, settings: Settings) -> None:
        path, query = split_target(request.target)
        self.request = request
        self.route = route
        self.headers = RequestHeaders(lines)
        self.method = request.method
        self.uri = normalised_path(path)
        self.query = query
        self.contexts: list[FilterContext] = []
        self.local: LocalResponse | None = None
        self.replied = False
        """Whether a local response was taken, even if it is flushed by now."""
        self.response_headers: ResponseHeaders | None = None
        self.response_status: int | None = None
        self.upstream_status: int | None = None
        self.response_piece: bytes | None = None
        self.shared_context: dict[str, bytes] = {}
        self.effect = Effect()
        self.lost_body = False
        """T1: the last callout was a POST that brought no body."""
        self.dispatched_in_body = False
        self.resume: Callable[[], None] | None = None
        """What goes on when the last pending callout has ended."""
        self.done = False
        self.client_left = False
        self.answer = Answer(None)
        self.refused_by_nginx = 0
        """The status nginx or the router answers by itself; 0 for none."""
        self.when_done: Callable[[Stream], None] | None = None
        suffix = b"" if query is None else b"?" + query
        asked = self.headers.get(b"host") or b""
        scheme, uri = access.guarded(route.service.scheme.encode(), escaped_path(self.uri) + suffix, route.guards)
        self.scheme_read = scheme
        """Q10: the scheme as Kong has read it, after the guard and before any filter."""
        self.variables: dict[str, bytes] = {
            "upstream_scheme": scheme,
            "upstream_uri": uri,
            "upstream_host": access.host(route, scheme, asked),
            "http_host": asked,
            "request_uri": request.target,
            "uri": self.uri,
            "args": query or b"",
            "scheme": b"http",
            "host": asked,
            "request_method": request.method,
        }
        self._buffer_size = parse_size(settings.client_body_buffer_size)

    def pseudo_headers(self) -> Pairs:
        """S8: the path is normalised; :authority is not the Host header."""
        path = self.uri if self.query is None else self.uri + b"?" + self.query
        return [
            (b":path", path),
            (b":method", self.method),
            (b":scheme", b"http"),
            (b":authority", b"kong:8000"),
        ]

    def body_is_spilled(self) -> bool:
        """Q3: a body that does not fit nginx's buffer lies in a file, and cannot be read."""
        size = len(self.request.body)
        return size >= self._buffer_size if self.request.chunked else size > self._buffer_size * 5 // 4

    def pending(self) -> int:
        """How many callouts are under way."""
        return sum(len(context.pending) for context in self.contexts)

    def callouts(self) -> list[Callout]:
        """The callouts under way."""
        return [callout for context in self.contexts for callout in context.pending.values()]
