"""Every request is decided: by exactly one answer, or forwarded byte for byte (D1, D2, D12, S2)."""

from __future__ import annotations

import copy
import itertools

import pytest

from kong_model import Outcome, Settings
from kong_model.filter.site import (
    ACTIVE,
    EXCHANGE,
    GOOD,
    INTROSPECT,
    ISSUED,
    SHAPES,
    Site,
    answered,
    configuration,
    good,
    route,
)
from kong_model.message import ClientRequest

FAILURES = {
    "refused": (Outcome.refused(), 503),
    "reset after the head": (Outcome.refused(200, [(b"Content-Type", b"application/json")]), 502),
    "unresolved": (Outcome.unresolved(), 503),
    "timeout": (Outcome.timeout(), 504),
    "timeout after the head": (Outcome.timeout(200, [(b"Content-Type", b"application/json")]), 504),
    "tls failure": (Outcome.tls_failure(), 503),
    "not HTTP": (Outcome.not_http(), 502),
    "malformed": (Outcome.malformed(), 502),
    "closed without an answer": (Outcome.closed(), 503),
    "headers cut off": (Outcome.cut_headers(), 502),
    "truncated": (Outcome.truncated(), 502),
    "truncated, of an empty promise": (Outcome.truncated(0), 502),
    "without a length": (Outcome.without_length(), 502),
    "204": (Outcome.no_content(), 504),
    "100": (Outcome.interim(), 502),
    "302": (Outcome.answered(302, b"moved", [(b"Location", b"https://elsewhere")]), 502),
    "429": (Outcome.answered(429, b"slow down"), 503),
    "500": (Outcome.answered(500, b"broken"), 503),
    "500 without a body": (Outcome.answered(500), 503),
    "504": (Outcome.answered(504, b"late"), 504),
    "HTML": (Outcome.answered(200, b"<html>", [(b"Content-Type", b"text/html")]), 502),
    "empty": (Outcome.answered(200), 502),
    "not UTF-8": (Outcome.answered(200, b'{"active": true, "x": "\xff"}'), 502),
    "deep": (Outcome.answered(200, b'{"x":' * 100 + b"1" + b"}" * 100), 502),
    "oversized": (Outcome.answered(200, b" " * (1 << 20) + b'{"active": true}'), 502),
}
"""The rows of S2's table, and the answers that arrive whole and cannot be used, with the client's status."""


@pytest.mark.parametrize("shape", SHAPES)
def test_a_good_request_passes_with_the_issued_token_only(shape: str) -> None:
    request = copy.deepcopy(SHAPES[shape])
    effect = Site().model.send(request)
    assert (effect.harm, effect.answer.status) == ([], 200)
    assert effect.upstream[0].all(b"authorization") == [b"Bearer the-issued-token"]
    assert effect.upstream[0].body == SHAPES[shape].body
    assert b"the-clients-token" not in effect.upstream[0].wire()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("endpoint", [INTROSPECT, EXCHANGE])
def test_a_failed_callout_is_answered_and_nothing_passes(endpoint: bytes, failure: str, shape: str) -> None:
    site = Site()
    kept = site.server.answers[endpoint]
    site.server.answers[endpoint], status = FAILURES[failure]
    effect = site.model.send(copy.deepcopy(SHAPES[shape]))
    assert (effect.harm, effect.answer.status, effect.upstream) == ([], status, [])
    site.server.answers[endpoint] = kept
    following = site.model.send(good())
    assert (following.harm, following.answer.status) == ([], 200)


def test_whatever_a_callout_brings_nothing_harms_and_only_a_whole_answer_passes() -> None:
    """All that a callback can be told, in every combination, at either endpoint."""
    bodies = {INTROSPECT: answered(ACTIVE).body, EXCHANGE: answered(ISSUED).body}
    combinations = itertools.product(
        (INTROSPECT, EXCHANGE),
        (b"ok", b"timeout", b"reader failure", b"broken connection", b"a status of tomorrow", b""),
        (None, b"200", b"204", b"0", b"20", b"-1", b"\xff"),
        ([], [(b"Content-Type", b"application/json")], [(b"h", b"v")] * 200),
        (None, 0, 7, 5000, 1 << 30),
        (True, False),
    )
    site = Site()
    for endpoint, dispatch_status, status, headers, size, readable in combinations:
        site.model.clock.advance(1000)
        kept = site.server.answers[endpoint]
        outcome = Outcome(dispatch_status, status, headers, bodies[endpoint], size, readable)
        site.server.answers[endpoint] = outcome
        effect = site.model.send(good())
        site.server.answers[endpoint] = kept
        whole = (dispatch_status, status, size, readable) == (b"ok", b"200", None, True)
        passes = whole and headers == [(b"Content-Type", b"application/json")]
        assert (effect.harm, len(effect.upstream)) == ([], int(passes)), outcome


def test_a_refused_token_is_answered_alike_for_every_shape() -> None:
    for shape, request in SHAPES.items():
        site = Site()
        site.server.answers[INTROSPECT] = answered({"active": False})
        effect = site.model.send(copy.deepcopy(request))
        assert (effect.harm, effect.answer.status, effect.upstream) == ([], 401, []), shape
        assert len(effect.answer.all(b"www-authenticate")) == 1


def test_a_reply_after_an_empty_post_answer_has_no_body() -> None:
    site = Site()
    site.server.answers[INTROSPECT] = Outcome.refused()
    answer = site.model.send(good()).answer
    assert (answer.status, answer.body, len(answer.all(b"retry-after"))) == (503, b"", 1)


@pytest.mark.parametrize(("count", "status"), [(80, 200), (89, 200), (91, 431), (96, 431), (150, 431)])
def test_more_header_lines_than_the_host_lists_are_431(count: int, status: int) -> None:
    others = [(b"h-%d" % number, b"v") for number in range(count - 2)]
    request = ClientRequest(headers=[(b"host", b"api.example.com"), *others, GOOD])
    effect = Site().model.send(request)
    assert (effect.harm, effect.answer.status, len(effect.upstream)) == ([], status, int(status == 200))


def test_a_client_that_leaves_meanwhile_harms_nobody() -> None:
    site = Site()
    site.server.answers[INTROSPECT] = None
    stream = site.model.open(good())
    site.model.disconnect(stream)
    site.model.end_callout(stream.effect.callouts[0], answered({"active": False}))
    site.model.run()
    assert (stream.effect.harm_by_filter, stream.effect.upstream) == ([], [])


def test_a_websocket_upgrade_passes_when_allowed() -> None:
    upgrade = ClientRequest(headers=[GOOD, (b"Connection", b"upgrade"), (b"Upgrade", b"websocket")])
    effect = Site().model.send(upgrade)
    assert (effect.harm, len(effect.upstream)) == ([], 1)


def test_requests_that_wait_side_by_side_each_get_their_own_end() -> None:
    site = Site()
    site.server.answers[INTROSPECT] = None
    streams = [site.model.open(good()) for _ in range(20)]
    for position, stream in enumerate(reversed(streams)):
        active = position % 2 == 0
        site.model.end_callout(stream.effect.callouts[0], answered(ACTIVE if active else {"active": False}))
        site.model.run()
        assert (stream.effect.harm, len(stream.effect.upstream)) == ([], int(active))


def test_an_answer_that_dripped_in_after_its_time_is_none() -> None:
    """S1: the host's timer starts again with each byte, so the clock decides."""
    site = Site(route(configuration(timeout=2000)))
    site.server.answers[INTROSPECT] = None
    stream = site.model.open(good())
    site.model.clock.advance(3)
    site.model.end_callout(stream.effect.callouts[0], answered(ACTIVE))
    site.model.run()
    assert (stream.effect.harm, stream.effect.answer.status, stream.effect.upstream) == ([], 504, [])
    assert site.server.count(EXCHANGE) == 0


def test_the_deadline_bounds_the_whole_chain() -> None:
    site = Site()
    site.server.answers[INTROSPECT] = None
    stream = site.model.open(good())
    site.model.clock.advance(3600)
    site.model.end_callout(stream.effect.callouts[0], answered(ACTIVE))
    site.model.run()
    assert (stream.effect.harm, stream.effect.answer.status, stream.effect.upstream) == ([], 504, [])
    assert site.server.count(EXCHANGE) == 0


def test_failures_leave_no_memory_behind() -> None:
    site = Site()
    site.server.answers[EXCHANGE] = Outcome.answered(200, b"x" * 100_000)
    sizes = []
    for _ in range(3):
        for _ in range(200):
            site.model.clock.advance(600)
            site.model.send(good())
        assert site.model.guest is not None
        sizes.append(site.model.guest.memory_size())
    assert sizes[1] == sizes[2]


def test_without_kongs_properties_the_rules_of_kong_still_hold() -> None:
    site = Site(settings=Settings(kong_version="3.5.0"))
    assert site.model.send(good()).upstream[0].all(b"authorization") == [b"Bearer the-issued-token"]
    site.server.answers[INTROSPECT] = Outcome.refused()
    site.model.clock.advance(3600)
    effect = site.model.send(good())
    assert (effect.harm, effect.answer.body, effect.upstream) == ([], b"", [])


@pytest.mark.parametrize("scheme", ["http", "https", "grpc", "grpcs"])
def test_the_gate_restores_the_scheme_it_read(scheme: str) -> None:
    effect = Site(route(scheme=scheme)).model.send(good())
    assert (effect.harm, effect.upstream[0].scheme) == ([], scheme)


@pytest.mark.parametrize("shape", SHAPES)
def test_without_a_scheme_to_restore_the_request_is_refused(shape: str) -> None:
    effect = Site(route(scheme="")).model.send(copy.deepcopy(SHAPES[shape]))
    assert (effect.harm, effect.answer.status, effect.upstream) == ([], 500, [])


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:0/introspect", "http://id$p.localhost:9/introspect"])
def test_a_target_the_host_cannot_take_is_refused_before(endpoint: str) -> None:
    effect = Site(route(configuration(introspection_endpoint=endpoint))).model.send(good())
    assert (effect.harm, effect.upstream) == ([], [])
    assert effect.answer.status in (500, 502)
