"""A forced trap in each callback forwards nothing (D2, D3), and the next request works."""

from __future__ import annotations

import copy

import pytest

from kong_model import ClientRequest
from kong_model.filter.site import ACTIVE, FAULTY, INTROSPECT, SHAPES, Site, answered, good

PLACES = {
    "request-headers": SHAPES,
    "request-body": {name: shape for name, shape in SHAPES.items() if shape.body},
    "call-response": SHAPES,
    "before-opening": SHAPES,
}
"""Where the filter can be made to trap on this host, and for which requests it gets there."""
CASES = [(place, shape) for place, shapes in PLACES.items() for shape in shapes]


def faulty(place: str, shape: str = "get") -> ClientRequest:
    """A good request that makes the filter trap."""
    request = copy.deepcopy(SHAPES[shape])
    request.headers.append((b"x-fault", place.encode()))
    return request


@pytest.mark.parametrize(("place", "shape"), CASES)
def test_a_trap_forwards_nothing_and_the_next_request_works(place: str, shape: str) -> None:
    site = Site(wasm=FAULTY)
    effect = site.model.send(faulty(place, shape))
    assert (len(effect.traps), effect.upstream) == (1, [])
    following = site.model.send(good())
    assert (following.harm, following.answer.status) == ([], 200)


def test_the_trap_of_another_request_forwards_nothing() -> None:
    site = Site(wasm=FAULTY)
    site.server.answers[INTROSPECT] = None
    waiting = site.model.open(good())
    trapping = site.model.open(faulty("request-headers"))
    site.model.end_callout(waiting.effect.callouts[0], answered(ACTIVE))
    site.model.run()
    assert (waiting.effect.upstream, trapping.effect.upstream) == ([], [])
    assert waiting.effect.traps


def test_a_third_request_after_a_trap_crashes_the_worker_and_still_forwards_nothing() -> None:
    site = Site(wasm=FAULTY)
    site.server.answers[INTROSPECT] = None
    waiting = site.model.open(good())
    site.model.open(faulty("request-headers"))
    third = site.model.open(good())
    site.model.end_callout(waiting.effect.callouts[0], answered(ACTIVE))
    site.model.run()
    assert site.model.crashes
    assert (waiting.effect.upstream, third.effect.upstream) == ([], [])
    site.server.answers[INTROSPECT] = answered(ACTIVE)
    assert site.model.send(good()).harm == []


def test_the_release_build_has_no_faults_in_it() -> None:
    effect = Site().model.send(faulty("request-headers"))
    assert (effect.harm, effect.answer.status) == ([], 200)
