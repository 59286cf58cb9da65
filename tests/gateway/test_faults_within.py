"""What faults inside the filter do on Envoy, with a build that traps where a request's ``x-fault`` says so.

A trap ends the filter in its worker until Envoy starts again: nothing is forwarded, then or later.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from gateway_suite.envoy import EnvoyDriver
from gateway_suite.envoy_stage import EnvoyStage, Visit

LATER = 1.0
BODY = b"4\r\nbody\r\n"
LAST = b"0\r\nx-checksum: 1\r\n\r\n"
STOP_ALL, STOP_HEADERS = EnvoyDriver.variants
CASES = [
    *[
        (place, variant)
        for place in ("request-headers", "call-response", "before-opening")
        for variant in (STOP_ALL, STOP_HEADERS)
    ],
    # Elsewhere body and trailers come to the filter when the request has been let through.
    *[(place, STOP_HEADERS) for place in ("request-body", "request-trailers")],
]


def upload(at: EnvoyStage, **headers: str) -> Visit:
    """Sends a good request with a body in chunks and a trailer."""
    visit = at.visit("/upload", None, transfer_encoding="chunked", **headers)
    visit.write(BODY + LAST)
    return visit


@pytest.mark.parametrize(("place", "variant"), CASES)
def test_a_trap_forwards_nothing_then_or_later(
    faulty_stage: Callable[..., EnvoyStage], place: str, variant: str
) -> None:
    at = faulty_stage(variant)
    visit = upload(at, x_fault=place)
    at.let_go()
    assert visit.answer()[0] in (503, 504)
    assert at.trapped() is not None
    assert at.visit("/next").answer()[0] == 503
    time.sleep(LATER)
    assert at.authorizations() == {}


@pytest.mark.parametrize("variant", EnvoyDriver.variants)
def test_the_trap_of_another_request_forwards_nothing(faulty_stage: Callable[..., EnvoyStage], variant: str) -> None:
    at = faulty_stage(variant)
    waiting = [upload(at), at.visit("/first"), at.visit("/second")]
    at.wait(lambda: at.active() == 3 and at.calls("introspection") == 1)
    assert at.visit("/trap", x_fault="request-headers").answer()[0] == 503
    at.let_go()
    assert {visit.answer()[0] for visit in waiting} <= {503, 504}
    time.sleep(LATER)
    assert at.authorizations() == {}


@pytest.mark.parametrize("variant", EnvoyDriver.variants)
def test_a_callout_whose_end_is_never_reported_strands_no_request(
    faulty_stage: Callable[..., EnvoyStage], variant: str
) -> None:
    at = faulty_stage(variant, idle=15)
    at.let_go()
    started = time.monotonic()
    lost = at.visit("/lost", x_fault="lost-answer")
    at.wait(lambda: at.calls("introspection") == 1)
    others = at.visits(5)
    assert [visit.answer()[0] for visit in [lost, *others]] == [504] * 6
    assert 2 <= time.monotonic() - started < 10
    assert at.trapped() is None
    assert at.authorizations() == {}
    assert at.visit("/next").answer()[0] == 200
