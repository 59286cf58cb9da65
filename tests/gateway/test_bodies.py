"""Reading a request's body on Envoy, with a build that reads one where ``x-fault`` says so.

Only a listener with ``allow_on_headers_stop_iteration`` can: elsewhere Envoy brings no body while the header is held.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

import pytest

from gateway_suite.envoy import EnvoyDriver
from gateway_suite.envoy_stage import EnvoyStage
from gateway_suite.model import values

LIMIT = 100_000
"""What the build reads at most."""
STOP_ALL, STOP_HEADERS = EnvoyDriver.variants
PLACES = ("read-body", "read-body-last")
"""Before the filter begins, or after its last callout."""
PIECES = {
    "one byte": [b"b"],
    "several pieces": [b"first", b"second" * 1000, b"third" * 5000],
    "exactly the limit": [b"b" * 60_000, b"c" * (LIMIT - 60_000)],
}
TRAILER = b"x-checksum: 1\r\n"


@pytest.fixture
def stage(faulty_stage: Callable[..., EnvoyStage], untrapped_stages: list[EnvoyStage]) -> Callable[..., EnvoyStage]:
    """Sets a stage whose filter can read bodies; at the end nothing must have trapped."""
    return faulty_stage


def passed(at: EnvoyStage, body: bytes) -> None:
    """Holds that one request has passed with its whole body, which the filter has read whole."""
    (arrival,) = at.upstream.arrivals
    assert arrival.body == body
    assert values(arrival.headers, "x-body-read") == [f"{len(body)} {hashlib.sha256(body).hexdigest()}"]
    assert values(arrival.headers, "authorization") == [f"Bearer {at.server.issued[0]}"]


def chunk(piece: bytes) -> bytes:
    """A piece as a chunk of HTTP/1."""
    return b"%x\r\n%s\r\n" % (len(piece), piece)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("pieces", PIECES)
@pytest.mark.parametrize("framing", ["length", "chunks", "chunks and a trailer"])
def test_a_body_is_read_and_forwarded_whole(
    stage: Callable[..., EnvoyStage], framing: str, pieces: str, place: str
) -> None:
    at = stage()
    body = b"".join(PIECES[pieces])
    if framing == "length":
        visit = at.visit("/upload", content_length=str(len(body)), x_fault=place)
    else:
        visit = at.visit("/upload", transfer_encoding="chunked", x_fault=place)
    at.wait(lambda: at.active() == 1)
    for piece in PIECES[pieces]:
        visit.write(piece if framing == "length" else chunk(piece))
        time.sleep(0.05)
    if framing != "length":
        visit.write(b"0\r\n" + (TRAILER if "trailer" in framing else b"") + b"\r\n")
    assert at.upstream.arrivals == []
    at.let_go()
    assert visit.answer()[0] == 200
    passed(at, body)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("answers_first", [True, False])
def test_a_body_that_comes_after_the_callouts_is_read_whole(
    stage: Callable[..., EnvoyStage], answers_first: bool, place: str
) -> None:
    at = stage()
    visit = at.visit("/upload", transfer_encoding="chunked", x_fault=place)
    at.wait(lambda: at.active() == 1)
    visit.write(chunk(b"begun, "))
    if answers_first:
        at.let_go()
        if place == "read-body-last":
            at.wait(lambda: at.calls("token") == 1)
        time.sleep(0.3)
        assert at.upstream.arrivals == []
    visit.write(chunk(b"ended") + b"0\r\n\r\n")
    at.let_go()
    assert visit.answer()[0] == 200
    passed(at, b"begun, ended")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("framing", ["none", "length", "chunks"])
def test_an_empty_body_is_read_as_such(stage: Callable[..., EnvoyStage], framing: str, place: str) -> None:
    at = stage()
    headers = {"none": {}, "length": {"content_length": "0"}, "chunks": {"transfer_encoding": "chunked"}}[framing]
    visit = at.visit("/upload", None, x_fault=place, **headers)
    if framing == "chunks":
        visit.write(b"0\r\n\r\n")
    at.let_go()
    assert visit.answer()[0] == 200
    passed(at, b"")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_one_byte_more_than_the_limit_is_too_large(stage: Callable[..., EnvoyStage], framing: str, place: str) -> None:
    at = stage()
    at.let_go()
    body = b"b" * (LIMIT + 1)
    if framing == "length":
        visit = at.visit("/upload", body, x_fault=place)
    else:
        visit = at.visit("/upload", transfer_encoding="chunked", x_fault=place)
        visit.write(chunk(body))
    assert visit.answer()[0] == 413
    assert at.upstream.arrivals == []


@pytest.mark.parametrize("place", PLACES)
def test_without_the_option_nothing_passes_that_waits_for_its_body(
    stage: Callable[..., EnvoyStage], place: str
) -> None:
    at = stage(STOP_ALL)
    at.let_go()
    visit = at.visit("/upload", b"a body", x_fault=place)
    assert visit.answer()[0] == 504
    assert at.upstream.arrivals == []
    assert "allow_on_headers_stop_iteration" in at.log()
