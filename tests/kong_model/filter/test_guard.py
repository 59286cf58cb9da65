"""The filter behind Kong's guard (Q10): what it undoes, what it refuses, and what it requires."""

from __future__ import annotations

import copy

import pytest

from kong_model import ClientRequest, Effect, Outcome, Service, UpstreamAnswer
from kong_model.filter.site import GOOD, INTROSPECT, SHAPES, Site, configuration, good, route
from kong_model.route import Route

REQUIRED = configuration(require_guard=True)
SECRET = b"what the upstream says"
NO_GUARD = "no guard held this request back"
HELD = "Kong answered a request before this filter ran"


def both(scheme: str, port: int, request: ClientRequest, *guards: str) -> list[Effect]:
    """The same request without a guard and with one."""
    routes = [route(scheme=scheme, port=port, guards=each) for each in ((), guards)]
    return [Site(each).model.send(copy.deepcopy(request)) for each in routes]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("guards", [("scheme",), ("uri",), ("scheme", "uri"), ("uri", "scheme")])
@pytest.mark.parametrize("port", [80, 443, 8443])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_behind_a_guard_the_upstream_gets_what_it_gets_without(
    scheme: str, port: int, guards: tuple[str, ...], shape: str
) -> None:
    without, behind = both(scheme, port, SHAPES[shape], *guards)
    assert (without.harm, behind.harm) == ([], [])
    assert behind.upstream[0].wire() == without.upstream[0].wire()
    assert behind.upstream[0].scheme == scheme


@pytest.mark.parametrize("scheme", ["grpc", "grpcs"])
def test_the_scheme_of_a_grpc_service_is_restored(scheme: str) -> None:
    without, behind = both(scheme, 443, good(b"POST", b"a message", http2=True), "scheme")
    assert (without.harm, behind.harm, behind.upstream[0].scheme) == ([], [], scheme)


def test_before_the_uri_the_guard_leaves_kept_connections_apart() -> None:
    without, behind = both("https", 443, good(), "uri")
    assert behind.upstream[0].pool == without.upstream[0].pool


@pytest.mark.parametrize("guard", ["scheme", "uri"])
@pytest.mark.parametrize("host", [b"upstream.example.com:80", b"client.example:80", b"client.example"])
@pytest.mark.parametrize("preserve_host", [True, False])
def test_a_preserved_host_keeps_its_port_and_another_gains_none(guard: str, host: bytes, preserve_host: bool) -> None:
    site = Site(route(guards=(guard,), preserve_host=preserve_host))
    effect = site.model.send(ClientRequest(b"GET", b"/tools", [GOOD, (b"host", host)]))
    expected = host if preserve_host else b"upstream.example.com"
    assert (effect.harm, effect.upstream[0].all(b"host")) == ([], [expected])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("filters", [1, 2])
@pytest.mark.parametrize("guard", ["scheme", "uri"])
def test_a_refused_request_stays_behind_the_guard(guard: str, filters: int, shape: str) -> None:
    for has_token, status in ((True, 503), (False, 401)):
        site = Site(route(*[configuration(realm=f"filter-{number}") for number in range(filters)], guards=(guard,)))
        site.server.answers[INTROSPECT] = Outcome.refused()
        request = copy.deepcopy(SHAPES[shape])
        request.headers = [line for line in request.headers if has_token or line != GOOD]
        effect = site.model.send(request)
        assert (effect.harm, effect.answer.status, effect.upstream) == ([], status, [])
        assert not any(HELD in line for line in effect.log)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("scheme", "guards"),
    [
        ("http", ("scheme", "scheme")),
        ("https", ("uri", "uri")),
        ("ws", ("scheme",)),
        ("token-exchange-undecided", ("scheme",)),
    ],
)
def test_a_word_before_something_else_is_500(scheme: str, guards: tuple[str, ...], shape: str) -> None:
    site = Site(route(scheme=scheme, guards=guards))
    effect = site.model.send(copy.deepcopy(SHAPES[shape]))
    assert (effect.harm, effect.answer.status, effect.upstream, site.server.calls) == ([], 500, [], [])
    assert any("something that Kong does not proxy to" in line for line in effect.log)


@pytest.mark.parametrize("guard", ["scheme", "uri"])
@pytest.mark.parametrize("second", [configuration(realm="second"), configuration(realm="second", require_guard=True)])
@pytest.mark.parametrize("first", [configuration(), REQUIRED])
@pytest.mark.parametrize("shape", SHAPES)
def test_of_two_filters_the_second_knows_of_the_guard(shape: str, first: object, second: object, guard: str) -> None:
    effect = Site(route(first, second, guards=(guard,))).model.send(copy.deepcopy(SHAPES[shape]))  # type: ignore[arg-type]
    assert (effect.harm, len(effect.upstream)) == ([], 1)
    assert effect.upstream[0].all(b"host") == [b"upstream.example.com"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("chain", [(REQUIRED,), (configuration(), REQUIRED)], ids=["alone", "second"])
def test_a_required_guard_that_is_missing_is_500(chain: tuple[object, ...], shape: str) -> None:
    effect = Site(route(*chain)).model.send(copy.deepcopy(SHAPES[shape]))  # type: ignore[arg-type]
    assert (effect.harm, effect.answer.status, effect.upstream) == ([], 500, [])
    assert any(NO_GUARD in line and "post-function" in line and line.startswith("[error]") for line in effect.log)


def test_what_one_request_had_is_no_guard_of_the_next() -> None:
    guarded, bare = route(REQUIRED, guards=("scheme",)), Route(b"/bare", (REQUIRED,), Service(), "bare")
    site = Site(guarded, bare)
    assert len(site.model.send(good(), guarded).upstream) == 1
    assert site.model.send(good(), bare).answer.status == 500


def test_before_the_uri_the_guard_is_none_for_grpc() -> None:
    site = Site(route(REQUIRED, scheme="grpc", guards=("uri",)))
    effect = site.model.send(good(b"POST", b"a message", http2=True))
    assert (effect.harm, effect.answer.status, effect.upstream) == ([], 500, [])
    assert any(NO_GUARD in line for line in effect.log)


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST"])
@pytest.mark.parametrize("filters", [1, 2])
@pytest.mark.parametrize("guard", ["scheme", "uri"])
def test_with_buffered_proxying_the_guard_holds_and_the_log_says_why(guard: str, filters: int, method: bytes) -> None:
    chain = [configuration(realm=f"filter-{number}") for number in range(filters)]
    answer = UpstreamAnswer(200, [(b"X-Up", b"v")], SECRET)
    site = Site(route(*chain, buffered=True, guards=(guard,)), upstream=lambda: answer)
    effect = site.model.send(good(method, b"a body" if method == b"POST" else b""))
    assert (effect.harm, effect.answer.status, effect.upstream) == ([], 500, [])
    (line,) = {line for line in effect.log if HELD in line}
    assert line.startswith("[warn") and "buffered proxying" in line
    assert "[error] invalid" in effect.log[0]


def test_an_upgrade_with_buffered_proxying_and_a_guard_passes() -> None:
    upgrade = ClientRequest(headers=[*good().headers, (b"upgrade", b"websocket")])
    effect = Site(route(buffered=True, guards=("uri",))).model.send(upgrade)
    assert (effect.harm, len(effect.upstream)) == ([], 1)
