"""Models of a few lines, for the tests of the rules."""

from __future__ import annotations

from kong_model import ClientRequest, Effect, KongModel, Outcome, Route, Settings, UpstreamAnswer
from kong_model.abi import Pairs
from kong_model.ports import ScriptedCallouts, ScriptedUpstream
from kong_model.rules.guests import PAUSE, Guest

HEADERS = "proxy_on_request_headers"
BODY = "proxy_on_request_body"
CALLED = "proxy_on_http_call_response"
RESPONSE_HEADERS = "proxy_on_response_headers"
RESPONSE_BODY = "proxy_on_response_body"


def started(
    guest: Guest,
    outcome: Outcome | None = None,
    *,
    route: Route | None = None,
    settings: Settings | None = None,
    answer: UpstreamAnswer | None = None,
) -> KongModel:
    """A model with one route; every callout ends in `outcome`, or waits for the test."""
    model = KongModel(
        guest.wasm(),
        settings,
        callouts=ScriptedCallouts(lambda _callout: outcome),
        upstream=ScriptedUpstream(lambda _request: answer or UpstreamAnswer()),
    )
    model.add_route(route or Route())
    model.start()
    return model


def waiting(guest: Guest) -> Guest:
    """A filter whose headers callback makes a callout and waits."""
    return guest.on(HEADERS, guest.dispatch(), PAUSE)


def get(*headers: tuple[bytes, bytes], target: bytes = b"/") -> ClientRequest:
    """A GET."""
    return ClientRequest(target=target, headers=list(headers))


def post(body: bytes = b"x", *, chunked: bool = False, http2: bool = False) -> ClientRequest:
    """A POST."""
    return ClientRequest(b"POST", body=body, chunked=chunked, http2=http2)


def upstream_values(effect: Effect, name: bytes) -> list[bytes]:
    """The lines of a header that reached the upstream."""
    return effect.upstream[0].all(name)


def texts(effect: Effect) -> list[str]:
    """What the filter logged."""
    return [line.removeprefix("[info] ") for line in effect.log if line.startswith("[info] ")]


def lines(*names: bytes) -> Pairs:
    """Header lines with a value each."""
    return [(name, b"v") for name in names]
