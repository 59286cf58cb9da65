"""Several filters on one request (Q7), and requests the filter never saw (Q5 c)."""

from __future__ import annotations

import copy

import pytest

from kong_model import ClientRequest, Effect, Outcome, UpstreamAnswer
from kong_model.abi import Pairs
from kong_model.filter.site import (
    EXCHANGE,
    INTROSPECT,
    SHAPES,
    Site,
    answered,
    configuration,
    good,
    route,
)

OURS = {b"content-type", b"content-length", b"cache-control", b"connection", b"via"}
SECRET = b"what the upstream says"


def twice() -> Site:
    """The filter on the service and on the route."""
    return Site(route(configuration(), configuration(realm="second")))


@pytest.mark.parametrize("shape", SHAPES)
def test_two_filters_that_let_it_pass(shape: str) -> None:
    effect = twice().model.send(copy.deepcopy(SHAPES[shape]))
    assert (effect.harm, len(effect.upstream)) == ([], 1)
    assert effect.upstream[0].all(b"authorization") == [b"Bearer the-token-issued-for-an-issued-one"]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_first_answers_from_the_headers(shape: str) -> None:
    request = copy.deepcopy(SHAPES[shape])
    request.headers = [line for line in request.headers if line[0] != b"authorization"]
    effect = twice().model.send(request)
    assert (effect.harm, effect.answer.status, effect.upstream) == ([], 401, [])
    assert b"server_error" not in effect.answer.body


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("endpoint", [INTROSPECT, EXCHANGE])
def test_the_first_answers_from_a_callback(endpoint: bytes, shape: str) -> None:
    site = twice()
    site.server.answers[endpoint] = Outcome.refused()
    effect = site.model.send(copy.deepcopy(SHAPES[shape]))
    assert (effect.harm, effect.answer.status, effect.upstream) == ([], 503, [])
    assert site.server.count(INTROSPECT) == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_the_second_answers(shape: str) -> None:
    site = Site(route(configuration(), configuration(scopes_required=["never-granted"])))
    effect = site.model.send(copy.deepcopy(SHAPES[shape]))
    assert (effect.harm, effect.answer.status, effect.upstream) == ([], 403, [])


def unseen(
    status: int = 200,
    headers: Pairs | None = None,
    body: bytes = SECRET,
    *,
    filters: int = 1,
    request: ClientRequest | None = None,
) -> Effect:
    """A request with buffered proxying: the upstream is called before any filter."""
    answer = UpstreamAnswer(status, [(b"Content-Type", b"text/html"), *(headers or [])], body)
    chain = [configuration(realm=f"filter-{number}") for number in range(filters)]
    return Site(route(*chain, buffered=True), upstream=lambda: answer).model.send(request or good())


@pytest.mark.parametrize("filters", [1, 2])
@pytest.mark.parametrize("body", [SECRET, SECRET * 2000, b"x", b""])
@pytest.mark.parametrize("status", [200, 204, 302, 401, 500])
def test_an_answer_to_a_request_never_seen_is_replaced(status: int, body: bytes, filters: int) -> None:
    headers = [(b"Set-Cookie", b"a=b"), (b"Set-Cookie", b"c=d"), (b"WWW-Authenticate", b"Basic"), (b"X-Up", b"v")]
    effect = unseen(status, headers, body, filters=filters)
    assert (effect.harm, effect.answer.status) == ([], 500)
    assert {name.lower() for name, _ in effect.answer.headers} <= OURS
    assert effect.answer.all(b"content-type") == [b"application/json"]
    assert SECRET not in effect.answer.body
    assert body in (b"", b"x") or b"server_error" in effect.answer.body
    assert any("buffered proxying" in line and line.startswith("[critical]") for line in effect.log)


def test_an_answer_with_more_headers_than_can_be_listed_is_replaced_too() -> None:
    headers = [(b"X-%d" % number, b"v") for number in range(150)] + [(b"Set-Cookie", b"a=b")]
    effect = unseen(headers=headers)
    assert (effect.harm, effect.answer.status, effect.answer.all(b"set-cookie")) == ([], 500, [])
    assert SECRET not in effect.answer.body


def test_a_decided_answer_keeps_all_the_upstream_said() -> None:
    answer = UpstreamAnswer(200, [(b"X-Up", b"v")], SECRET * 2000)
    effect = Site(upstream=lambda: answer).model.send(good())
    assert (effect.harm, effect.answer.body, effect.answer.all(b"x-up")) == ([], SECRET * 2000, [b"v"])


def test_a_head_request_with_buffered_proxying() -> None:
    effect = unseen(request=good(b"HEAD"))
    assert (effect.harm, effect.answer.status, effect.answer.body) == ([], 500, b"")


def test_a_refused_upgrade_with_buffered_proxying_is_answered_by_the_filter() -> None:
    site = Site(route(buffered=True))
    site.server.answers[INTROSPECT] = answered({"active": False})
    upgrade = ClientRequest(headers=[*good().headers, (b"upgrade", b"websocket")])
    effect = site.model.send(upgrade)
    assert (effect.harm, effect.answer.status, effect.upstream) == ([], 401, [])
