"""The dangers D1 to D6: what a filter must never do, seen to be as bad as it is."""

from __future__ import annotations

from kong_model import Callout, ClientRequest, Effect, KongModel, Outcome
from kong_model.rules.guests import CONTINUE, OUT, PAUSE, TRAP, Guest
from kong_model.rules.models import started, waiting


def pending(effect: Effect) -> Callout:
    """The callout under way."""
    return effect.callouts[-1]


def test_d1_a_callback_without_a_decision_forwards() -> None:
    for outcome in (Outcome.answered(), Outcome.refused(), Outcome.timeout(), Outcome.truncated()):
        effect = started(waiting(Guest()), outcome).send()
        assert len(effect.upstream) == 1
        assert effect.answer.status == 200


def test_d1_a_reply_in_the_callback_answers() -> None:
    guest = waiting(Guest())
    guest.on("proxy_on_http_call_response", guest.reply(401))
    effect = started(guest, Outcome.refused()).send()
    assert (effect.answer.status, effect.upstream) == (401, [])


def test_d1_another_callout_in_the_callback_keeps_the_request() -> None:
    guest = waiting(Guest())
    guest.on("proxy_on_http_call_response", guest.dispatch())
    model = started(guest)
    stream = model.open(ClientRequest())
    model.end_callout(pending(stream.effect), Outcome.answered())
    assert (len(stream.effect.callouts), stream.effect.upstream) == (2, [])


def test_d2_a_trap_in_the_callout_callback_forwards() -> None:
    guest = waiting(Guest())
    guest.on("proxy_on_http_call_response", TRAP)
    effect = started(guest, Outcome.answered()).send()
    assert (len(effect.upstream), effect.answer.status, len(effect.traps)) == (1, 200, 1)


def test_d2_a_trap_in_the_headers_callback_is_500() -> None:
    effect = started(Guest().on("proxy_on_request_headers", TRAP)).send()
    assert (effect.upstream, effect.answer.status) == ([], 500)


def test_d2_a_trap_in_the_response_lets_it_pass() -> None:
    effect = started(Guest().on("proxy_on_response_headers", TRAP)).send()
    assert (effect.answer.status, effect.answer.body) == (200, b"upstream")


def poisoned() -> tuple[KongModel, Effect]:
    """A waits; B, which has a body, traps. A's callback knows nothing in a new instance, and traps as the SDK does."""
    guest = Guest()
    guest.on("proxy_on_request_headers", "(global.set $state (i32.const 1))", guest.dispatch(), PAUSE)
    guest.on("proxy_on_request_headers")
    guest.on(
        "proxy_on_http_call_response",
        "(if (i32.eqz (global.get $state)) (then unreachable))",
        guest.reply(401),
    )
    model = started(guest)
    waiting_stream = model.open(ClientRequest())
    assert model.guest is not None
    model.guest.trapped = True
    return model, waiting_stream.effect


def test_d3_a_trap_poisons_a_waiting_request() -> None:
    model, effect = poisoned()
    model.end_callout(pending(effect), Outcome.answered())
    model.run()
    assert (len(effect.upstream), effect.answer.status) == (1, 200)


def test_d3_a_third_request_makes_it_a_crash() -> None:
    model, effect = poisoned()
    third = model.open(ClientRequest())
    model.end_callout(pending(effect), Outcome.answered())
    assert effect.crashes and third.effect.crashes
    assert effect.answers[0].status is None
    assert effect.upstream == third.effect.upstream == []


def test_d3_without_the_trap_nothing_is_poisoned() -> None:
    guest = waiting(Guest())
    guest.on("proxy_on_http_call_response", guest.reply(401))
    model = started(guest)
    stream = model.open(ClientRequest())
    model.open(ClientRequest())
    model.end_callout(pending(stream.effect), Outcome.answered())
    assert (stream.effect.answer.status, stream.effect.crashes) == (401, [])


def test_s2_a_new_instance_is_configured_but_not_started() -> None:
    guest = Guest()
    guest.on("proxy_on_vm_start", guest.call("proxy_log", 2, b"vm"))
    guest.on("proxy_on_configure", guest.call("proxy_log", 2, b"configure"))
    guest.on("proxy_on_request_headers", TRAP)
    model = started(guest)
    model.send()
    model.send()
    assert [line for line in model.log if line.startswith("[info]")] == [
        "[info] vm",
        "[info] configure",
        "[info] configure",
    ]


def test_d4_bad_callouts_trap() -> None:
    for parts in (
        {"method": None}, {"path": b""}, {"upstream": b""}, {"upstream": b"127.0.0.1:notaport"}, {"upstream": b"a:0"},
        {"upstream": b"h/x:80"}, {"upstream": b"[::g]:80"},
    ):  # fmt: skip
        guest = Guest()
        guest.on("proxy_on_request_headers", guest.dispatch(**parts), PAUSE)
        effect = started(guest).send()
        assert (effect.upstream, effect.answer.status, len(effect.traps)) == ([], 500, 1), parts


def test_s1_good_targets_do_not_trap() -> None:
    for upstream in (b"127.0.0.1:80", b"[::1]:443", b"idp.example.com", b"idp.example.com:8443"):
        guest = Guest()
        guest.on("proxy_on_request_headers", guest.dispatch(upstream=upstream), PAUSE)
        effect = started(guest, Outcome.answered()).send()
        assert effect.statuses("proxy_http_call") == ["OK"], upstream


def test_d4_a_callout_in_the_wrong_phase_traps() -> None:
    for callback in ("proxy_on_response_headers", "proxy_on_log"):
        guest = Guest()
        guest.on(callback, guest.dispatch())
        assert started(guest).send().traps, callback


def test_d4_a_callout_at_start_stops_the_filter() -> None:
    for callback in ("proxy_on_vm_start", "proxy_on_configure"):
        guest = Guest()
        guest.on(callback, guest.dispatch())
        model = started(guest)
        assert model.traps and not model.runs_chains


def test_d4_a_second_reply_traps_and_the_first_is_delivered() -> None:
    guest = Guest()
    guest.on("proxy_on_request_headers", guest.reply(401), guest.reply(500), PAUSE)
    effect = started(guest).send()
    assert (effect.upstream, effect.answer.status, len(effect.traps)) == ([], 401, 1)


def test_d4_a_status_out_of_range_is_refused() -> None:
    guest = Guest()
    guest.on("proxy_on_request_headers", guest.reply(99), PAUSE)
    effect = started(guest).send()
    assert effect.statuses("proxy_send_local_response") == ["BAD_ARGUMENT"]


def test_d4_queues_foreign_functions_and_closing_trap() -> None:
    guest = Guest()
    for instruction in (
        guest.call("proxy_register_shared_queue", b"q", OUT),
        guest.call("proxy_call_foreign_function", b"f", b"", OUT, OUT + 4),
        guest.call("proxy_close_stream", 0),
    ):
        tried = Guest()
        tried._data = guest._data
        assert started(tried.on("proxy_on_request_headers", instruction, CONTINUE)).send().traps


def test_d4_a_pointer_outside_of_memory_traps() -> None:
    guest = Guest().on(
        "proxy_on_request_headers", "(drop (call $proxy_log (i32.const 2) (i32.const -1) (i32.const 9)))"
    )
    assert started(guest).send().answer.status == 500


def test_d5_continue_after_a_callout_forwards_and_crashes() -> None:
    guest = Guest()
    guest.on("proxy_on_request_headers", guest.dispatch(), CONTINUE)
    model = started(guest)
    effect = model.send()
    assert len(effect.upstream) == 1
    model.end_callout(pending(effect), Outcome.answered())
    assert len(model.crashes) == 1


def test_d5_in_the_body_callback_too() -> None:
    guest = Guest()
    guest.on("proxy_on_request_body", guest.dispatch(), CONTINUE)
    model = started(guest)
    effect = model.send(ClientRequest(b"POST", body=b"x"))
    assert len(effect.upstream) == 1
    model.end_callout(pending(effect), Outcome.answered())
    assert len(model.crashes) == 1


def ticking(*then: str) -> Guest:
    """A root that makes a callout at each tick, and in its answer does `then`."""
    guest = Guest()
    guest.on("proxy_on_configure", guest.call("proxy_set_tick_period_milliseconds", 1000))
    return guest


def test_d6_a_root_may_call_out_from_a_tick_only() -> None:
    guest = ticking()
    guest.on("proxy_on_tick", guest.dispatch())
    guest.on("proxy_on_http_call_response", guest.get(6, b":status"), guest.log_result())
    model = started(guest, Outcome.answered(203))
    model.tick()
    model.run()
    assert "[info] 203" in model.log and not model.crashes


def test_d6_a_callout_or_a_resume_from_a_roots_callback_crashes() -> None:
    for name in ("dispatch", "resume"):
        guest = ticking()
        guest.on("proxy_on_tick", guest.dispatch())
        bad = guest.dispatch() if name == "dispatch" else guest.call("proxy_continue_stream", 0)
        guest.on("proxy_on_http_call_response", bad)
        model = started(guest, Outcome.answered())
        model.tick()
        model.run()
        assert model.crashes, name


def test_s2_pause_without_a_callout_hangs() -> None:
    effect = started(Guest().on("proxy_on_request_headers", PAUSE)).send()
    assert effect.hung and not effect.answers
