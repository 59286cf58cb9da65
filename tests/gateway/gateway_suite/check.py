"""Compares what was seen with what a scenario expects, and with what holds for all of them."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .model import HeaderLines, Request, Response, values
from .runner import Outcome, Sent
from .scenario import for_family
from .upstream import Arrival

ADDED_BY_GATEWAYS = {"host", "connection", "expect", "content-length", "transfer-encoding", "x-request-id"}


def check(outcome: Outcome, family: str) -> list[str]:
    """Everything that is not as it should be, a sentence each."""
    return list(_everything(outcome, family))


def _everything(outcome: Outcome, family: str) -> Iterator[str]:
    if outcome.problem is not None:
        yield f"the scenario itself broke: {outcome.problem!r}"
        return
    forwarded = 0
    for number, sent in enumerate(outcome.sent, 1):
        expected = for_family(sent.expected, family)
        where = f"request {number}: "
        yield from (where + fault for fault in _answer(sent.response, expected))
        yield from (where + fault for fault in _upstream(sent, expected["upstream"]))
        yield from (where + fault for fault in _untold(sent, outcome, expected["upstream"]))
        forwarded += _was_to_arrive(sent, expected["upstream"])
    if len(outcome.arrivals) != forwarded:
        yield f"a second later {len(outcome.arrivals)} requests had reached the upstream, not {forwarded}"
    expected = for_family(outcome.expected_finally, family)
    yield from _calls(outcome, expected.get("calls", {}))
    yield from (f"the log lacks {text!r}" for text in expected.get("log", []) if text not in outcome.log)
    yield from _secrets(outcome)
    if outcome.trap is not None:
        yield f"the filter trapped: {outcome.trap}"


def _was_to_arrive(sent: Sent, expected: Any) -> bool:
    return _is_the_upstreams(sent.response) if expected == "if-answered" else expected != "nothing"


def _is_the_upstreams(response: Response) -> bool:
    return bool(values(response.headers, "x-upstream"))


def _answer(response: Response, expected: Mapping[str, Any]) -> Iterator[str]:
    wanted = expected["status"]
    among = wanted["among"] if isinstance(wanted, dict) else [None if wanted == "closed" else wanted]
    if response.status not in among:
        seen = f"status {response.status} ({response.error})"
        yield f"{seen}, not {expected['status']}: {response.body[:300]!r}"
        return
    if response.status is not None and response.error is not None:
        yield f"the answer broke off: {response.error}"
    yield from _headers(response.headers, expected.get("headers", {}), "the answer")
    if "body" in expected and response.body != expected["body"].encode("latin-1"):
        yield f"body {response.body[:300]!r}, not {expected['body']!r}"
    if "contains" in expected and expected["contains"].encode("latin-1") not in response.body:
        yield f"body {response.body[:300]!r} lacks {expected['contains']!r}"
    if expected.get("json") is not None:
        yield from _members(response.body, expected["json"])
    yield from _timing(response, expected)


def _members(body: bytes, expected: Mapping[str, Any]) -> Iterator[str]:
    try:
        seen = json.loads(body)
    except ValueError:
        yield f"body {body[:300]!r} is not JSON"
        return
    for name, value in expected.items():
        if seen.get(name) != value:
            yield f"body member {name} is {seen.get(name)!r}, not {value!r}"


def _timing(response: Response, expected: Mapping[str, Any]) -> Iterator[str]:
    if "arrivals" in expected:
        times = [piece.at for piece in response.pieces]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        wide = [gap for gap in gaps if gap >= expected["arrivals"]["apart"]]
        if len(wide) < expected["arrivals"]["at_least"]:
            yield f"the body came in pieces {gaps} seconds apart"
    elapsed = expected.get("elapsed", {})
    if not elapsed.get("at_least", 0) <= response.elapsed <= elapsed.get("at_most", float("inf")):
        yield f"it took {response.elapsed:.2f} s"


def _headers(lines: HeaderLines, expected: Mapping[str, Any], who: str) -> Iterator[str]:
    for name, value in expected.items():
        seen = values(lines, name)
        if value is None:
            fits = not seen
        elif isinstance(value, dict):
            fits = len(seen) == 1 and re.search(value["matches"], seen[0]) is not None
        else:
            fits = seen == (value if isinstance(value, list) else [value])
        if not fits:
            yield f"{who} has {name}: {seen}, not {value!r}"


def _upstream(sent: Sent, expected: Any) -> Iterator[str]:
    if expected == "nothing":
        if sent.arrivals:
            yield "it reached the upstream"
        return
    if expected == "if-answered":
        return  # which arrival is whose is not known; there are as many as answers of the upstream
    if len(sent.arrivals) != 1:
        yield f"it reached the upstream {len(sent.arrivals)} times"
        return
    arrival = sent.arrivals[0]
    wanted_path = expected.get("path", sent.request.path.decode("latin-1"))
    if (arrival.method, arrival.path) != (expected.get("method", sent.request.method.decode()), wanted_path):
        yield f"the upstream got {arrival.method} {arrival.path}"
    yield from _headers(arrival.headers, expected.get("headers", {}), "the upstream's request")
    body = sent.request.body or b""
    wanted = body if expected.get("body", "same") == "same" else expected["body"].encode("latin-1")
    if arrival.body != wanted:
        seen = "no end of the body" if arrival.body is None else f"{len(arrival.body)} bytes of body"
        yield f"the upstream got {seen}, not the {len(wanted)} expected"


def _untold(sent: Sent, outcome: Outcome, expected: Any) -> Iterator[str]:
    """What holds without being written in a scenario."""
    for arrival in sent.arrivals:
        if len(values(arrival.headers, "authorization")) > 1:
            yield "the upstream got several Authorization lines"
        if not outcome.scenario.forwards_original:
            yield from _leaks(arrival, outcome)
        named = {name.lower() for name in expected["headers"]} if "headers" in expected else set()
        yield from _unchanged(sent.request, arrival, named)
    if _is_the_upstreams(sent.response):
        return
    yield from (
        "the answer tells a credential" for secret in outcome.secrets if secret.encode() in _flat(sent.response)
    )


def _leaks(arrival: Arrival, outcome: Outcome) -> Iterator[str]:
    told = arrival.path.encode() + b"".join(name + b":" + value for name, value in arrival.headers)
    for token in outcome.subject_tokens:
        if token.encode() in told:
            yield "the client's own token reached the upstream"


def _unchanged(request: Request, arrival: Arrival, named: set[str]) -> Iterator[str]:
    """Header lines that no scenario speaks of arrive as they were sent."""
    for name in {name.decode("latin-1").lower() for name, _ in request.headers} - named - ADDED_BY_GATEWAYS:
        if name != "authorization" and values(arrival.headers, name) != values(request.headers, name):
            yield f"the upstream got {name}: {values(arrival.headers, name)}"


def _calls(outcome: Outcome, expected: Mapping[str, Any]) -> Iterator[str]:
    for name, wanted in expected.items():
        seen = outcome.calls[name]
        if isinstance(wanted, dict):
            if not wanted.get("at_least", 0) <= len(seen) <= wanted["at_most"]:
                yield f"the {name} endpoint was called {len(seen)} times, which is not {wanted}"
            continue
        count = wanted if isinstance(wanted, int) else len(wanted)
        if len(seen) != count:
            yield f"the {name} endpoint was called {len(seen)} times, not {count}"
        elif isinstance(wanted, list):
            for number, (call, shape) in enumerate(zip(seen, wanted, strict=True), 1):
                yield from (f"{name} call {number}: {fault}" for fault in _call(call, shape))


def _call(call: Any, shape: Mapping[str, Any]) -> Iterator[str]:
    for part in ("method", "path"):
        if part in shape and getattr(call, part) != shape[part]:
            yield f"{part} is {getattr(call, part)}"
    yield from _headers(call.headers, shape.get("headers", {}), "it")
    for parameter, value in shape.get("form", {}).items():
        wanted = [] if value is None else value if isinstance(value, list) else [value]
        seen = [text for name, text in call.form if name == parameter]
        if seen != wanted:
            yield f"form parameter {parameter} is {seen}, not {wanted}"


def _secrets(outcome: Outcome) -> Iterator[str]:
    for secret in outcome.secrets:
        if secret in outcome.log:
            yield "the log tells a credential"


def _flat(response: Response) -> bytes:
    return b"".join(name + b":" + value + b"\n" for name, value in response.headers) + response.body
