"""Bodies: Q3, Q4, S7, S9 and T1."""

from __future__ import annotations

import pytest

from kong_model import ClientRequest, Outcome, Settings, UpstreamAnswer
from kong_model.rules.guests import CALL, OUT, PAUSE, RESPONSE, TRAP, Guest
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

REQUEST_BODY, RESPONSE_PIECE, CALL_BODY = 0, 1, 4


def read(guest: Guest, which: int, start: int = 0, most: int = 1 << 20) -> str:
    """Reads a buffer."""
    return guest.call("proxy_get_buffer_bytes", which, start, most, OUT, OUT + 4)


@pytest.mark.parametrize(
    ("request_", "calls"),
    [
        (post(b"abc"), 1),
        (post(b"abc", chunked=True), 1),
        (post(b"abc", http2=True), 1),
        (post(b""), 0),
        (post(b"", chunked=True), 0),
        (ClientRequest(b"POST", headers=[(b"content-length", b"0")]), 0),
    ],
)
def test_q3_the_body_callback_comes_once_or_never(request_: ClientRequest, calls: int) -> None:
    guest = Guest().on(HEADERS, "(if (local.get $3) (then unreachable))")
    guest.on(BODY, "(if (i32.eqz (local.get $3)) (then unreachable))", read(guest, REQUEST_BODY), guest.log_result())
    effect = started(guest).send(request_)
    assert (texts(effect), effect.traps) == (["abc"] * calls, [])


def test_q3_the_body_is_not_there_in_the_headers() -> None:
    guest = Guest()
    guest.on(HEADERS, read(guest, REQUEST_BODY))
    assert started(guest).send(post()).statuses("proxy_get_buffer_bytes") == ["NOT_FOUND"]


@pytest.mark.parametrize("callback", [CALLED, RESPONSE_HEADERS])
def test_q3_reading_the_body_elsewhere_traps(callback: str) -> None:
    guest = waiting(Guest())
    guest.on(callback, read(guest, REQUEST_BODY))
    assert started(guest, Outcome.answered()).send(post()).traps


def test_q3_start_is_ignored_and_no_length_is_nothing() -> None:
    guest = Guest()
    guest.on(BODY, read(guest, REQUEST_BODY, start=2), guest.log_result(), read(guest, REQUEST_BODY, most=0))
    effect = started(guest).send(post(b"abc"))
    assert (texts(effect), effect.statuses("proxy_get_buffer_bytes")) == (["abc"], ["OK", "OK"])


@pytest.mark.parametrize(
    ("size", "chunked", "setting", "spilled"),
    [
        (8193, False, "8k", False),
        (16385, False, "8k", True),
        (1 << 20, False, "1m", False),
        (1 << 20, True, "1m", True),
    ],
)
def test_q3_a_spilled_body_is_forwarded_but_unreadable(size: int, chunked: bool, setting: str, spilled: bool) -> None:
    guest = Guest()
    guest.on(BODY, f"(if (i32.ne (local.get $2) (i32.const {size})) (then unreachable))", read(guest, REQUEST_BODY))
    model = started(guest, settings=Settings(client_body_buffer_size=setting))
    effect = model.send(post(b"b" * size, chunked=chunked))
    assert effect.statuses("proxy_get_buffer_bytes") == ["NOT_FOUND" if spilled else "OK"]
    assert (len(effect.upstream[0].body), effect.traps) == (size, [])


def test_q3_the_body_comes_after_the_headers_callout() -> None:
    guest = waiting(Guest())
    guest.on(BODY, read(guest, REQUEST_BODY))
    effect = started(guest, Outcome.answered()).send(post())
    assert effect.arrived[:3] == ["on_http_request_headers", "on_http_call_response", "on_http_request_body"]


def test_q3_a_trap_in_the_body_callback_is_500() -> None:
    effect = started(Guest().on(BODY, TRAP)).send(post())
    assert (effect.answer.status, effect.upstream) == (500, [])


def test_q3_a_trap_in_the_callback_of_the_bodys_callout_forwards() -> None:
    guest = Guest()
    guest.on(BODY, guest.dispatch(), PAUSE).on(CALLED, TRAP)
    assert len(started(guest, Outcome.answered()).send(post()).upstream) == 1


def test_q3_a_reply_in_the_body_callback_answers() -> None:
    guest = Guest()
    guest.on(BODY, guest.reply(401), PAUSE)
    effect = started(guest).send(post())
    assert (effect.answer.status, effect.upstream) == (401, [])


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.answered(200, b"body"), "OK"),
        (Outcome.answered(200), "NOT_FOUND"),
        (Outcome.refused(), "NOT_FOUND"),
        (Outcome.truncated(), "BAD_ARGUMENT"),
        (Outcome.without_length(), "NOT_FOUND"),
    ],
)
def test_d4_the_body_of_a_callout(outcome: Outcome, status: str) -> None:
    guest = waiting(Guest())
    guest.on(CALLED, read(guest, CALL_BODY))
    assert started(guest, outcome).send().statuses("proxy_get_buffer_bytes") == [status]


def test_d12_a_useless_answer_has_a_good_status() -> None:
    for outcome, dispatch_status, size in (
        (Outcome.truncated(), "ok", 100),
        (Outcome.malformed(), "reader failure", 0),
        (Outcome.cut_headers(), "ok", 0),
    ):
        guest = waiting(Guest())
        told = f"(if (i32.ne (local.get $4) (i32.const {size})) (then unreachable))"
        shown = [
            text for name in (b":status", b":dispatch_status") for text in (guest.get(CALL, name), guest.log_result())
        ]
        guest.on(CALLED, told, *shown)
        effect = started(guest, outcome).send()
        assert (texts(effect), effect.traps) == (["200", dispatch_status], [])


def test_s2_a_failed_callout_has_no_status() -> None:
    guest = waiting(Guest())
    guest.on(CALLED, guest.get(CALL, b":status"), guest.get(CALL, b":dispatch_status"), guest.log_result())
    for outcome in (
        Outcome.refused(),
        Outcome.unresolved(),
        Outcome.timeout(),
        Outcome.tls_failure(),
        Outcome.not_http(),
    ):
        effect = started(guest, outcome).send()
        assert effect.statuses("proxy_get_header_map_value") == ["NOT_FOUND", "OK"]
        assert texts(effect) == [outcome.dispatch_status.decode()]


def test_s7_a_reply_gets_a_line_end_a_type_and_a_length() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.reply(401, b"no", (b"content-length", b"99"), (b"x", b"1"), (b"X", b"2")), PAUSE)
    answer = started(guest).send().answer
    assert (answer.body, answer.all(b"content-type"), answer.all(b"content-length")) == (
        b"no\n",
        [b"text/plain"],
        [b"3"],
    )
    assert answer.all(b"x") == [b"2"]


def test_t1_a_reply_with_a_body_is_lost_after_an_empty_post() -> None:
    for method, outcome, body, status in (
        (b"POST", Outcome.refused(), b"no", None),
        (b"POST", Outcome.answered(500), b"no", None),
        (b"POST", Outcome.refused(), b"", 401),
        (b"POST", Outcome.answered(500, b"text"), b"no", 401),
        (b"GET", Outcome.refused(), b"no", 401),
    ):
        guest = Guest()
        guest.on(HEADERS, guest.dispatch(method), PAUSE).on(CALLED, guest.reply(401, body))
        effect = started(guest, outcome).send()
        assert effect.answer.status == status, (method, outcome, body)


def test_q4_a_response_body_comes_in_pieces_without_an_end() -> None:
    guest = Guest().on(RESPONSE_BODY, "(if (local.get $3) (then unreachable))")
    guest.on(RESPONSE_BODY, "(if (i32.gt_u (local.get $2) (i32.const 8192)) (then unreachable))")
    effect = started(guest, answer=UpstreamAnswer(body=b"b" * 20000)).send()
    assert (effect.arrived.count("on_http_response_body"), len(effect.answer.body), effect.traps) == (3, 20000, [])


def test_q4_the_response_body_can_be_set_only_in_its_callback() -> None:
    guest = Guest()
    setting = guest.call("proxy_set_buffer_bytes", RESPONSE_PIECE, 0, 99, b"new")
    removal = guest.call("proxy_remove_header_map_value", RESPONSE, b"content-length")
    effect = started(guest.on(RESPONSE_HEADERS, removal).on(RESPONSE_BODY, setting)).send()
    assert effect.answer.body == b"new"
    guest = Guest()
    guest.on(RESPONSE_HEADERS, guest.call("proxy_set_buffer_bytes", RESPONSE_PIECE, 0, 99, b"new"))
    assert started(guest).send().traps


def test_q5_a_shorter_body_under_the_old_length_hangs() -> None:
    guest = Guest()
    guest.on(RESPONSE_BODY, guest.call("proxy_set_buffer_bytes", RESPONSE_PIECE, 0, 99, b"new"))
    assert started(guest).send().hung


def test_s7_a_reply_from_the_responses_headers_hangs() -> None:
    guest = Guest()
    guest.on(RESPONSE_HEADERS, guest.reply(500, b"no"))
    assert started(guest).send().hung
