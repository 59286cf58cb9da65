"""The checks see what they are there for: each thing that must not happen is found when it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway_suite.authorization_server import Call
from gateway_suite.check import check
from gateway_suite.course import SHORT, Knowledge
from gateway_suite.load import is_right
from gateway_suite.model import Address, Piece, Request, Response, Site
from gateway_suite.runner import Outcome, Sent
from gateway_suite.scenario import Scenario
from gateway_suite.upstream import Arrival

TOKEN, ISSUED, SECRET = "the-callers-token", "the-issued-token", "the-client-secret"
FORWARDED = Arrival("POST", "/a", [(b"authorization", b"Bearer the-issued-token"), (b"x-trace", b"1")], b"body")
REQUEST = Request(b"POST", b"/a", [(b"authorization", b"Bearer the-callers-token"), (b"x-trace", b"1")], b"body")
PASSES = {
    "status": 200,
    "headers": {"x-upstream": "yes"},
    "json": {"ok": True},
    "upstream": {"headers": {"x-new": None}},
}
REFUSED = {"status": 401, "headers": {"www-authenticate": {"matches": "^Bearer"}}, "upstream": "nothing"}


def outcome() -> Outcome:
    """Two requests, one forwarded and one refused, all as it should be."""
    scenario = Scenario("a", "about", "group", {}, {}, [], {})
    answer = Response(200, [(b"x-upstream", b"yes")], [Piece(0.1, b'{"ok":true}')])
    challenge = Response(401, [(b"www-authenticate", b"Bearer")], [Piece(0.1, b"{}")])
    return Outcome(
        scenario,
        Site("a", "g", "v", "{}", Address("127.0.0.1", 1), {}),
        sent=[Sent(REQUEST, answer, [FORWARDED], PASSES), Sent(REQUEST, challenge, [], REFUSED)],
        arrivals=[FORWARDED],
        calls={"token": [Call("POST", "/token", [(b"host", b"as")], b"a=1&a=2&b=")]},
        expected_finally={
            "calls": {"token": [{"path": "/token", "headers": {"host": "as"}, "form": {"a": ["1", "2"], "c": None}}]},
            "log": ["a line"],
        },
        log="a line",
        secrets=[TOKEN, ISSUED, SECRET],
        subject_tokens=[TOKEN],
    )


def sent(position: int, **changes: Any) -> Callable[[Outcome], None]:
    """A change to one of the requests and what it led to."""

    def change(seen: Outcome) -> None:
        seen.sent[position] = replace(seen.sent[position], **changes)

    return change


def arrived(**changes: Any) -> Callable[[Outcome], None]:
    """A change to what reached the upstream."""
    return sent(0, arrivals=[replace(FORWARDED, **changes)])


def answered(status: int = 200, body: bytes = b'{"ok":true}', **changes: Any) -> Response:
    """A changed answer."""
    return Response(status, changes.pop("headers", [(b"x-upstream", b"yes")]), [Piece(0.1, body)], **changes)


def expect(position: int, **changes: Any) -> Callable[[Outcome], None]:
    """A change to what is expected of a request."""
    return sent(position, expected={**(PASSES if position == 0 else REFUSED), **changes})


def attribute(**changes: Any) -> Callable[[Outcome], None]:
    """A change to the outcome as a whole."""
    return lambda seen: seen.__dict__.update(changes)


LATE = [FORWARDED, replace(FORWARDED, path="/late")]
WRONG = {
    "another status": (sent(0, response=answered(201)), "status 201"),
    "no answer": (sent(0, response=Response(None, error="timed out")), "status None"),
    "an answer that breaks off": (sent(0, response=answered(error="3 bytes are missing")), "broke off"),
    "a missing header": (sent(0, response=answered(headers=[])), "x-upstream: []"),
    "a repeated header": (sent(0, response=answered(headers=[(b"x-upstream", b"yes")] * 2)), "x-upstream"),
    "another member": (sent(0, response=answered(body=b'{"ok":1.5}')), "member ok"),
    "no JSON": (sent(0, response=answered(body=b"ok")), "not JSON"),
    "another body": (expect(0, body="x"), "body"),
    "a body without a piece": (expect(0, contains="x"), "lacks 'x'"),
    "a body in one piece": (expect(0, arrivals={"apart": 0.1, "at_least": 1}), "pieces"),
    "too slow": (sent(0, response=answered(elapsed=3), expected={**PASSES, "elapsed": {"at_most": 1}}), "3.00 s"),
    "too fast": (expect(0, elapsed={"at_least": 1}), "0.00 s"),
    "a refused request upstream": (sent(1, arrivals=[FORWARDED]), "request 2: it reached the upstream"),
    "a late request upstream": (attribute(arrivals=LATE), "2 requests had reached"),
    "a request that did not arrive": (sent(0, arrivals=[]), "0 times"),
    "a request that arrived twice": (sent(0, arrivals=[FORWARDED, FORWARDED]), "2 times"),
    "another method": (arrived(method="GET"), "GET /a"),
    "another path": (arrived(path="/a?b"), "POST /a?b"),
    "half a body": (arrived(body=b"bo"), "2 bytes of body"),
    "a body without an end": (arrived(body=None), "no end of the body"),
    "a header that was to go": (arrived(headers=[*FORWARDED.headers, (b"X-New", b"1")]), "x-new"),
    "a changed header": (arrived(headers=[FORWARDED.headers[0], (b"x-trace", b"2")]), "x-trace"),
    "a lost header": (arrived(headers=FORWARDED.headers[:1]), "x-trace"),
    "two credentials": (arrived(headers=[FORWARDED.headers[0], *FORWARDED.headers]), "several Authorization"),
    "the caller's token": (arrived(headers=[*FORWARDED.headers, (b"x", TOKEN.encode())]), "client's own token"),
    "the caller's token in the path": (arrived(path=f"/a?{TOKEN}"), "client's own token"),
    "a secret in the answer": (sent(1, response=answered(401, SECRET.encode(), headers=[])), "answer tells"),
    "a secret in the answer's header": (sent(1, response=answered(401, headers=[(b"a", ISSUED.encode())])), "tells"),
    "a secret in the log": (attribute(log=f"a line {TOKEN}"), "log tells a credential"),
    "a missing line": (attribute(log=""), "log lacks"),
    "a trap": (attribute(trap="unreachable"), "trapped: unreachable"),
    "a broken scenario": (attribute(problem=KeyError("x")), "KeyError"),
    "a call too many": (attribute(calls={"token": [outcome().calls["token"][0]] * 2}), "called 2 times, not 1"),
    "calls too many": (
        attribute(
            calls={"token": [outcome().calls["token"][0]] * 3}, expected_finally={"calls": {"token": {"at_most": 2}}}
        ),
        "called 3 times, which is not",
    ),
    "calls too few": (
        attribute(expected_finally={"calls": {"token": {"at_least": 2, "at_most": 3}}}),
        "called 1 times, which is not",
    ),
    "none of the statuses": (expect(0, status={"among": [201, 202]}), "status 200"),
    "an arrival too many": (
        attribute(arrivals=LATE, sent=[replace(outcome().sent[0], expected={**PASSES, "upstream": "if-answered"})]),
        "2 requests had reached the upstream, not 1",
    ),
    "another form": (attribute(calls={"token": [Call("POST", "/token", [(b"host", b"as")], b"a=1")]}), "parameter a"),
    "a parameter too many": (attribute(calls={"token": [Call("POST", "/token", [], b"a=1&a=2&c=")]}), "parameter c"),
    "another path of a call": (attribute(calls={"token": [Call("POST", "/", [], b"a=1&a=2")]}), "path is /"),
}


def test_what_is_right_is_not_reported() -> None:
    assert check(outcome(), "envoy") == []


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_reported(name: str) -> None:
    change, report = WRONG[name]
    seen = outcome()
    change(seen)
    assert report in "\n".join(check(seen, "envoy"))


@pytest.mark.parametrize(
    ("kind", "has_to_judge", "right"),
    [
        ("good", True, {200}),
        ("good", False, {200, 502, 503, 504}),
        ("forged", True, {401, 502, 503, 504}),
        ("expired", False, {401, 502, 503, 504}),
        ("unknown key", True, {401, 502, 503, 504}),
    ],
)
def test_what_may_become_of_a_token(kind: str, has_to_judge: bool, right: set[int]) -> None:
    assert {
        status for status in (None, 200, 401, 403, 500, 502, 503, 504) if is_right(kind, status, has_to_judge)
    } == right


def test_a_filter_has_to_judge_what_it_could_have_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    knowledge, clock = Knowledge(SHORT), 1000.0
    monkeypatch.setattr("gateway_suite.course.monotonic", lambda: clock)
    knowledge.publish("k1")
    assert not knowledge.has_to_judge("k1"), "nobody can fetch it"
    knowledge.come_back()
    assert not knowledge.has_to_judge("k1"), "a fetch may have failed just before"
    clock = 1010.0
    knowledge.publish("k2")
    assert knowledge.has_to_judge("k1") and knowledge.has_to_judge("k2")
    knowledge.publish("k3")
    assert not knowledge.has_to_judge("k3"), "the cool-down that k2 began is not over"
    clock = 1012.0
    assert knowledge.has_to_judge("k3")
    knowledge.flood(begins=True)
    knowledge.is_away = True
    knowledge.publish("k4")
    clock = 2000.0
    assert knowledge.has_to_judge("k3") and not knowledge.has_to_judge("k4")


def test_a_kind_of_gateway_may_differ() -> None:
    seen = outcome()
    expect(0, status=500, differs={"kong": {"status": 200}})(seen)
    assert check(seen, "kong") == []
    assert check(seen, "envoy") != []
