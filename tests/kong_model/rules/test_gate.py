"""The gate (M2, Q3, Q5), several filters on one request (M4, Q7), and buffered proxying (Q5 c)."""

from __future__ import annotations

import pytest

from kong_model import ClientRequest, Effect, Filter, Outcome, Route, Service, UpstreamAnswer
from kong_model.ports import ScriptedCallouts
from kong_model.rules.guests import CONTINUE, PAUSE, RESPONSE, TRAP, Guest
from kong_model.rules.models import (
    BODY,
    CALLED,
    HEADERS,
    RESPONSE_BODY,
    RESPONSE_HEADERS,
    post,
    started,
    texts,
    waiting,
)

SCHEME = (b"ngx", b"upstream_scheme")
TWICE = Route(filters=(Filter(b"1"), Filter(b"2")))


def shut(guest: Guest) -> str:
    """Shuts the gate."""
    return guest.set_property(b"shut", *SCHEME)


def gated(*callout: str, outcome: Outcome | None = None, request: ClientRequest | None = None) -> Effect:
    """A request through a shut gate and a callout whose callback does `callout`."""
    guest = Guest()
    guest.on(HEADERS, shut(guest), guest.dispatch(), PAUSE).on(CALLED, *callout)
    return started(guest, outcome or Outcome.answered()).send(request)


@pytest.mark.parametrize("instruction", ["", TRAP])
def test_m2_a_shut_gate_is_500_and_the_upstream_is_not_reached(instruction: str) -> None:
    effect = gated(instruction)
    assert (effect.answer.status, effect.upstream) == (500, [])
    assert "invalid URL prefix" in effect.log[-1]


def test_m2_an_opened_gate_lets_the_request_pass() -> None:
    guest = Guest()
    assert len(gated(guest.set_property(b"http", *SCHEME)).upstream) == 0
    guest.on(HEADERS, shut(guest), guest.set_property(b"http", *SCHEME))
    effect = started(guest).send()
    assert (len(effect.upstream), effect.violations) == (1, [])


def test_q5_another_scheme_than_the_one_read_is_noticed() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.set_property(b"http", *SCHEME))
    assert started(guest, route=Route(service=Service("https"))).send().violations


@pytest.mark.parametrize("scheme", ["http", "https", "grpc", "grpcs"])
def test_q5_the_scheme_is_the_services(scheme: str) -> None:
    guest = Guest()
    guest.on(HEADERS, guest.get_property(*SCHEME), guest.log_result())
    assert texts(started(guest, route=Route(service=Service(scheme))).send()) == [scheme]


def test_q5_a_grpc_client_behind_a_shut_gate_sees_a_reset() -> None:
    guest = Guest()
    guest.on(HEADERS, shut(guest))
    effect = started(guest, route=Route(service=Service("grpc"))).send()
    assert (effect.answers[0].status, effect.upstream) == (None, [])


@pytest.mark.parametrize(
    ("request_", "hung", "status"),
    [
        (post(), True, None),
        (ClientRequest(b"POST", headers=[(b"content-length", b"0")]), True, None),
        (post(chunked=True), True, None),
        (post(http2=True), False, None),
        (ClientRequest(), False, 500),
    ],
)
def test_q3_the_gate_alone_hangs_a_client_with_a_body(request_: ClientRequest, hung: bool, status: int | None) -> None:
    effect = gated(request=request_)
    assert (effect.hung, effect.upstream) == (hung, [])
    assert hung or effect.answers[0].status == status


def test_q3_after_a_callout_of_the_body_the_gate_answers_500() -> None:
    guest = Guest()
    guest.on(HEADERS, shut(guest)).on(BODY, guest.dispatch(), PAUSE)
    assert started(guest, Outcome.answered()).send(post()).answer.status == 500


def test_q7_each_filter_of_the_chain_runs_in_turn() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.call("proxy_log", 2, b"once"))
    assert texts(started(guest, route=TWICE).send()) == ["once", "once"]


def first_only(guest: Guest, *instructions: str) -> str:
    """Instructions for the filter whose turn comes first."""
    inner = " ".join(instructions)
    return f"(if (i32.eqz (global.get $state)) (then (global.set $state (i32.const 1)) {inner} (return {PAUSE})))"


def test_q7_after_an_answer_from_the_headers_the_second_sees_the_response_only() -> None:
    guest = Guest()
    guest.on(HEADERS, first_only(guest, guest.reply(401)), TRAP)
    effect = started(guest, route=TWICE).send()
    assert (effect.answer.status, effect.traps) == (401, [])
    assert effect.arrived == ["on_http_request_headers", "on_http_response_headers", "on_http_response_headers"]


@pytest.mark.parametrize("then", ["reply", "dispatch", "nothing"])
def test_q7_after_an_answer_from_a_callback_the_second_still_runs_and_must_be_silent(then: str) -> None:
    guest = Guest()
    instruction = {"reply": guest.reply(500), "dispatch": guest.dispatch(), "nothing": ""}[then]
    guest.on(HEADERS, first_only(guest, guest.dispatch()), instruction, CONTINUE).on(CALLED, guest.reply(401))
    effect = started(guest, Outcome.answered(), route=TWICE).send()
    assert (effect.answer.status, len(effect.traps), effect.upstream) == (401, then != "nothing", [])


def test_m4_after_a_trap_in_a_callback_the_second_still_runs() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.dispatch(), PAUSE).on(CALLED, TRAP)
    effect = started(guest, Outcome.answered(), route=TWICE).send()
    assert effect.arrived.count("on_http_request_headers") == 2


BUFFERED = Route(buffered=True)


def test_q5_with_buffered_proxying_the_request_is_never_seen() -> None:
    guest = Guest().on(HEADERS, TRAP)
    effect = started(guest, route=BUFFERED).send()
    assert (len(effect.upstream), effect.answer.status, effect.arrived[0]) == (1, 200, "on_http_response_headers")


def test_q5_an_upgrade_is_not_buffered() -> None:
    effect = started(Guest().on(HEADERS), route=BUFFERED).send(ClientRequest(headers=[(b"upgrade", b"websocket")]))
    assert effect.arrived[0] == "on_http_request_headers"


def test_q5_a_buffered_answer_can_be_hidden() -> None:
    guest = Guest()
    guest.on(RESPONSE_HEADERS, guest.set(RESPONSE, b":status", b"500"))
    guest.on(RESPONSE_HEADERS, guest.call("proxy_remove_header_map_value", RESPONSE, b"content-length"))
    guest.on(RESPONSE_BODY, guest.call("proxy_set_buffer_bytes", 1, 0, 99, b"no"))
    answer = started(guest, route=BUFFERED, answer=UpstreamAnswer(body=b"secret")).send().answer
    assert (answer.status, answer.body) == (500, b"no")


def test_q4_what_kong_answers_itself_no_filter_sees() -> None:
    guest = Guest().on(RESPONSE_HEADERS, TRAP)
    model = started(guest, route=Route(path=b"/here"))
    effect = model.send(ClientRequest(target=b"/elsewhere"))
    assert (effect.answer.status, effect.traps) == (404, [])


def test_s3_a_reply_cancels_callouts_sent_or_not() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.dispatch(), guest.dispatch(), PAUSE).on(CALLED, guest.reply(401))
    model = started(guest)
    stream = model.open(ClientRequest())
    first, second = stream.effect.callouts
    model.end_callout(first, Outcome.answered())
    model.end_callout(second, Outcome.answered())
    assert (stream.effect.answer.status, stream.effect.traps, second.cancelled) == (401, [], True)
    guest = Guest()
    guest.on(HEADERS, guest.dispatch(), guest.reply(401), PAUSE)
    sent: list[object] = []
    model = started(guest)
    model.callouts = ScriptedCallouts(sent.append)
    assert (model.send().answer.status, sent) == (401, [])


def test_s3_a_request_goes_on_when_all_its_callouts_have_ended() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.dispatch(), guest.dispatch(), PAUSE)
    guest.on(CALLED, guest.call("proxy_continue_stream", 0))
    model = started(guest)
    stream = model.open(ClientRequest())
    first, second = stream.effect.callouts
    model.end_callout(first, Outcome.answered())
    assert stream.effect.upstream == []
    model.end_callout(second, Outcome.answered())
    assert len(stream.effect.upstream) == 1


def test_k14_a_client_that_leaves_does_not_stop_its_request() -> None:
    guest = waiting(Guest())
    model = started(guest)
    stream = model.open(ClientRequest())
    model.disconnect(stream)
    model.end_callout(stream.effect.callouts[0], Outcome.answered())
    model.run()
    assert (len(stream.effect.upstream), stream.effect.answers) == (1, [])
