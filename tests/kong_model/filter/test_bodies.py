"""Reading a request's body on Kong's host (Q3), with a build that reads one where ``x-fault`` says so."""

from __future__ import annotations

import hashlib

import pytest

from kong_model import ClientRequest, Effect, Settings
from kong_model.filter.site import FAULTY, INTROSPECT, Site, answered, configuration, good, route

LIMIT = 100_000
"""What the build reads at most."""
BUFFER = Settings(client_body_buffer_size="2m")
FIRST, LAST = "read-body", "read-body-last"


def reading(place: str, request: ClientRequest) -> ClientRequest:
    """A request whose body is read before the filter begins, or after its last callout."""
    request.headers.append((b"x-fault", place.encode()))
    return request


def sent(request: ClientRequest, *, settings: Settings = BUFFER, filters: int = 1) -> Effect:
    """What becomes of a request."""
    chain = [configuration(realm=f"filter-{number}") for number in range(filters)]
    return Site(route(*chain), wasm=FAULTY, settings=settings).model.send(request)


def was_read(effect: Effect) -> list[bytes]:
    """The number of bytes that the filter has seen, with their digest, by the upstream's account."""
    return effect.upstream[0].all(b"x-body-read")


def account(body: bytes) -> list[bytes]:
    """What the filter says of a body that it has read whole."""
    return [f"{len(body)} {hashlib.sha256(body).hexdigest()}".encode()]


@pytest.mark.parametrize("place", [FIRST, LAST])
@pytest.mark.parametrize("size", [1, 8193, LIMIT - 1, LIMIT])
@pytest.mark.parametrize("http2", [False, True])
def test_a_body_of_an_announced_length_is_read_and_forwarded_whole(size: int, place: str, http2: bool) -> None:
    body = bytes(number % 251 for number in range(size))
    request = good(b"POST", body, http2=http2)
    if http2:
        request.headers.append((b"content-length", str(size).encode()))
    effect = sent(reading(place, request))
    assert (effect.harm, effect.answer.status, effect.upstream[0].body) == ([], 200, body)
    assert was_read(effect) == account(body)
    assert effect.upstream[0].all(b"authorization") == [b"Bearer the-issued-token"]


@pytest.mark.parametrize("place", [FIRST, LAST])
@pytest.mark.parametrize("headers", [[], [(b"content-length", b"0")]])
def test_an_empty_body_is_not_waited_for(headers: list[tuple[bytes, bytes]], place: str) -> None:
    request = good(b"POST")
    request.headers += headers
    effect = sent(reading(place, request))
    assert (effect.harm, effect.answer.status, was_read(effect)) == ([], 200, account(b""))


@pytest.mark.parametrize("place", [FIRST, LAST])
def test_one_byte_more_than_the_limit_is_too_large(place: str) -> None:
    effect = sent(reading(place, good(b"POST", b"b" * (LIMIT + 1))))
    assert (effect.harm, effect.answer.status, effect.upstream) == ([], 413, [])


@pytest.mark.parametrize("place", [FIRST, LAST])
@pytest.mark.parametrize("body", [b"", b"a body"])
@pytest.mark.parametrize(("chunked", "http2"), [(True, False), (False, True)])
def test_a_body_that_may_never_come_is_not_waited_for(chunked: bool, http2: bool, body: bytes, place: str) -> None:
    effect = sent(reading(place, good(b"POST", body, chunked=chunked, http2=http2)))
    assert (effect.harm, effect.answer.status, effect.upstream) == ([], 411, [])


@pytest.mark.parametrize("place", [FIRST, LAST])
def test_a_body_in_a_file_is_unreadable_and_not_empty(place: str) -> None:
    effect = sent(reading(place, good(b"POST", b"b" * 50_000)), settings=Settings(client_body_buffer_size="8k"))
    assert (effect.harm, effect.answer.status, effect.upstream) == ([], 500, [])


def test_a_body_that_was_not_announced_is_refused() -> None:
    """What was decided without a body does not hold for one."""
    lines = [*good().headers, (b"content-length", b"0")]
    effect = sent(reading(FIRST, ClientRequest(b"POST", b"/tools", lines, b"a body")))
    assert (effect.harm, effect.answer.status, effect.upstream) == ([], 500, [])


@pytest.mark.parametrize("place", [FIRST, LAST])
@pytest.mark.parametrize("body", [b"", b"a body"])
def test_two_filters_read_the_body_one_after_the_other(body: bytes, place: str) -> None:
    effect = sent(reading(place, good(b"POST", body)), filters=2)
    assert (effect.harm, effect.answer.status, effect.upstream[0].body) == ([], 200, body)


@pytest.mark.parametrize("place", [FIRST, LAST])
def test_what_the_second_filter_refuses_does_not_pass_when_the_first_opens_the_gate(place: str) -> None:
    chain = configuration(), configuration(scopes_required=["never-granted"])
    site = Site(route(*chain), wasm=FAULTY, settings=BUFFER)
    effect = site.model.send(reading(place, good(b"POST", b"a body")))
    assert (effect.harm, effect.answer.status, effect.upstream) == ([], 403, [])


@pytest.mark.parametrize("place", [FIRST, LAST])
def test_a_refused_token_is_refused_with_its_body(place: str) -> None:
    site = Site(wasm=FAULTY, settings=BUFFER)
    site.server.answers[INTROSPECT] = None
    stream = site.model.open(reading(place, good(b"POST", b"a body")))
    assert stream.effect.upstream == []
    effect = stream.effect
    site.model.end_callout(effect.callouts[0], answered({"active": False}))
    site.model.run()
    assert (effect.harm, effect.answer.status, effect.upstream) == ([], 401, [])
