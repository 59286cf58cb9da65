"""The guard (Q10): what keeps a request from the upstream before any filter runs, and what Kong makes of it."""

from __future__ import annotations

import pytest

from kong_model import ClientRequest, Effect, Filter, Route, Service, UpstreamAnswer
from kong_model.abi import Pairs
from kong_model.rules.guests import Guest
from kong_model.rules.models import HEADERS, RESPONSE_HEADERS, post, started, texts, upstream_values

SCHEME, URI = (b"ngx", b"upstream_scheme"), (b"ngx", b"upstream_uri")
REQUESTS = {"get": ClientRequest(), "post": post(), "chunked": post(chunked=True), "h2": post(http2=True)}


def restored(service: Service, *guards: str, preserve_host: bool = False, host: bytes = b"client.example") -> Effect:
    """A request that a filter lets pass by restoring the scheme and the URI, and nothing else."""
    guest = Guest()
    guest.on(HEADERS, guest.set_property(service.scheme.encode(), *SCHEME), guest.set_property(b"/", *URI))
    route = Route(service=service, guards=guards, preserve_host=preserve_host)
    return started(guest, route=route).send(ClientRequest(headers=[(b"host", host)]))


@pytest.mark.parametrize("guard", ["scheme", "uri"])
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_q10_where_no_filter_runs_a_guarded_request_is_500(guard: str, request_: ClientRequest) -> None:
    effect = started(Guest(), route=Route(filters=(), guards=(guard,))).send(request_)
    assert effect.upstream == []
    assert request_.http2 or effect.answer.status == 500


def test_q10_where_the_chains_are_gone_a_guarded_request_is_500() -> None:
    guest = Guest().on("proxy_on_configure", "(return (i32.const 0))")
    effect = started(guest, route=Route(guards=("scheme",))).send()
    assert (effect.answer.status, effect.upstream, effect.arrived) == (500, [], [])
    effect = started(guest, route=Route()).send()
    assert len(effect.upstream) == 1, "without a guard it goes through (K1)"


@pytest.mark.parametrize(("guard", "line"), [("scheme", "invalid URL prefix"), ("uri", "invalid port in upstream")])
def test_q10_a_filter_that_does_not_undo_the_guard_forwards_nothing(guard: str, line: str) -> None:
    effect = started(Guest().on(HEADERS), route=Route(guards=(guard,))).send()
    assert (effect.answer.status, effect.upstream) == (500, [])
    assert line in effect.log[-1]


def test_q10_before_the_uri_the_guard_does_not_hold_grpc() -> None:
    route = Route(filters=(), service=Service("grpc"), guards=("uri",))
    assert len(started(Guest(), route=route).send().upstream) == 1
    route = Route(filters=(), service=Service("grpc"), guards=("scheme",))
    assert started(Guest(), route=route).send().upstream == []


@pytest.mark.parametrize("guard", ["scheme", "uri"])
def test_q10_with_buffered_proxying_the_upstream_is_not_reached(guard: str) -> None:
    guest = Guest()
    guest.on(RESPONSE_HEADERS, guest.get_property(b"kong", b"service", b"response", b"status"))
    effect = started(guest, route=Route(buffered=True, guards=(guard,)), answer=UpstreamAnswer(body=b"secret")).send()
    assert (effect.answer.status, effect.upstream, effect.arrived[0]) == (500, [], "on_http_response_headers")
    assert effect.statuses("proxy_get_property") == ["NOT_FOUND"]
    assert b"secret" not in effect.answer.body


@pytest.mark.parametrize(
    ("service", "plain", "behind"),
    [
        (Service("http", "up.test", 80), b"up.test", b"up.test:80"),
        (Service("https", "up.test", 443), b"up.test", b"up.test:443"),
        (Service("http", "up.test", 8080), b"up.test:8080", b"up.test:8080"),
        (Service("http", "up.test", 443), b"up.test:443", b"up.test:443"),
        (Service("https", "up.test", 80), b"up.test:80", b"up.test:80"),
        (Service("grpc", "up.test", 80), b"up.test", b"kong_upstream"),
        (Service("grpcs", "up.test", 443), b"up.test", b"kong_upstream"),
        (Service("grpcs", "up.test", 8443), b"up.test:8443", b"kong_upstream"),
    ],
)
def test_q10_host_has_the_port_of_a_scheme_that_kong_does_not_know(
    service: Service, plain: bytes, behind: bytes
) -> None:
    assert upstream_values(restored(service), b"host") == [plain]
    assert upstream_values(restored(service, "scheme"), b"host") == [behind]
    assert upstream_values(restored(service, "uri"), b"host") == [plain]


@pytest.mark.parametrize("guards", [(), ("scheme",), ("uri",)])
def test_q10_a_preserved_host_is_the_clients(guards: tuple[str, ...]) -> None:
    effect = restored(Service("http", "up.test", 80), *guards, preserve_host=True, host=b"client.example:80")
    assert upstream_values(effect, b"host") == [b"client.example:80"]


def pools(*guards: str) -> list[str]:
    """The pools of services at one address that differ in name, certificate and scheme."""
    services = [
        Service("https", "a.test", 443),
        Service("https", "b.test", 443),
        Service("https", "a.test", 443, client_certificate="c1"),
        Service("https", "a.test", 443, client_certificate="c2"),
        Service("grpcs", "a.test", 443),
    ]
    return [restored(service, *guards).upstream[0].pool for service in services]


def test_q10_behind_another_scheme_all_services_of_an_address_share_connections() -> None:
    assert len(set(pools())) == 5
    assert pools("uri") == pools()
    assert set(pools("scheme")) == {"127.0.0.1|443"}


def test_q10_the_client_host_and_the_route_can_be_read() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.get_property(b"ngx", b"http_host"), guest.log_result())
    guest.on(HEADERS, guest.get_property(b"kong", b"router", b"route"), guest.log_result())
    headers: Pairs = [(b"host", b"client.example:80")]
    said = texts(started(guest, route=Route(preserve_host=True)).send(ClientRequest(headers=headers)))
    assert said == ["client.example:80", '{"name": "route", "preserve_host": true}']


def test_q10_what_one_filter_leaves_for_the_next_is_of_one_request() -> None:
    mark = (b"kong", b"ctx", b"shared", b"mark")
    guest = Guest()
    guest.on(HEADERS, guest.get_property(*mark), guest.set_property(b"left", *mark))
    model = started(guest, route=Route(filters=(Filter(b"1"), Filter(b"2"))))
    for _ in range(2):
        assert model.send().statuses("proxy_get_property") == ["NOT_FOUND", "OK"]


def test_q10_there_are_two_guards() -> None:
    with pytest.raises(ValueError, match="no guard"):
        started(Guest(), route=Route(guards=("host",))).send()
