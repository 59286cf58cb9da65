"""Start, configurations, instances, ticks, metrics and time: K1, K2, K7, Q2, Q7, Q8, Q9, S4, S5 and S10."""

from __future__ import annotations

import time

import pytest
import wasmtime

from kong_model import Filter, KongModel, Route, Settings
from kong_model.rules.guests import OUT, TRAP, Guest
from kong_model.rules.models import HEADERS, started, texts

CONFIGURE, TICK = "proxy_on_configure", "proxy_on_tick"
FALSE = "(i32.const 0)"


def two_routes(guest: Guest) -> KongModel:
    """A model with two routes."""
    model = KongModel(guest.wasm())
    for name in ("a", "b"):
        model.add_route(Route(b"/" + name.encode(), (Filter(name.encode()),), name=name))
    model.start()
    return model


@pytest.mark.parametrize("end", [FALSE, TRAP])
@pytest.mark.parametrize("callback", [CONFIGURE, "proxy_on_vm_start"])
def test_k1_a_filter_that_fails_to_start_takes_all_chains_away(callback: str, end: str) -> None:
    guest = Guest()
    guest.on(HEADERS, guest.reply(401)).on(callback, end)
    model = two_routes(guest)
    assert not model.runs_chains
    assert len(model.send(route=model.routes[0]).upstream) == 1


def test_k2_a_bad_new_configuration_keeps_the_old_one() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.reply(401))
    guest.on(CONFIGURE, "(if (i32.eq (local.get $2) (i32.const 3)) (then (return (i32.const 0))))")
    model = started(guest)
    assert not model.reconfigure(Route(filters=(Filter(b"bad"),)))
    assert model.send().answer.status == 401


def test_k8_the_configuration_arrives_verbatim() -> None:
    guest = Guest()
    guest.on(CONFIGURE, guest.call("proxy_get_buffer_bytes", 7, 0, 100, OUT, OUT + 4), guest.log_result())
    model = started(guest, route=Route(filters=(Filter(b'{"issuer":"https:\\/\\/a"}'),)))
    assert model.log == ['[info] {"issuer":"https:\\/\\/a"}']


def test_s5_one_instance_serves_all_configurations() -> None:
    guest = Guest()
    count = "(global.set $state (i32.add (global.get $state) (i32.const 1)))"
    third = "(if (i32.eq (global.get $state) (i32.const 2)) (then unreachable))"
    guest.on(HEADERS, count, third)
    model = two_routes(guest)
    assert model.send(route=model.routes[0]).traps == []
    assert model.send(route=model.routes[1]).traps != []


def test_s2_a_trap_loses_what_the_instance_knew() -> None:
    guest = Guest()
    count = "(global.set $state (i32.add (global.get $state) (i32.const 1)))"
    guest.on(HEADERS, count, "(if (i32.eq (global.get $state) (i32.const 2)) (then unreachable))")
    model = started(guest)
    assert [len(model.send().traps) for _ in range(4)] == [0, 1, 0, 1]


def test_q9_replaced_roots_tick_on() -> None:
    guest = Guest()
    guest.on(CONFIGURE, guest.call("proxy_set_tick_period_milliseconds", 1000)).on(TICK)
    model = started(guest)
    model.reconfigure(Route(filters=(Filter(b"new"),)))
    model.tick()
    assert model.ticks == 2
    model.reload()
    model.tick()
    assert model.ticks == 3


def test_q9_a_period_of_zero_stops_a_root() -> None:
    guest = Guest()
    guest.on(CONFIGURE, guest.call("proxy_set_tick_period_milliseconds", 1000))
    guest.on(TICK, guest.call("proxy_set_tick_period_milliseconds", 0))
    model = started(guest)
    model.tick()
    model.tick()
    assert model.ticks == 1


def test_d4_a_period_is_set_once_and_on_a_root_only() -> None:
    guest = Guest()
    period = guest.call("proxy_set_tick_period_milliseconds", 1000)
    assert started(Guest().on(CONFIGURE, period, period)).traps
    assert started(Guest().on(HEADERS, period)).send().traps


def test_s4_the_effective_context_stays() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.call("proxy_set_effective_context", 99), guest.reply(401))
    effect = started(guest).send()
    assert (effect.statuses("proxy_set_effective_context"), effect.answer.status) == (["OK"], 401)


def metric(name: bytes, kind: int = 0, settings: Settings | None = None, *then: tuple[str, object]) -> list[str]:
    """How defining a metric and using it ends."""
    guest = Guest()
    guest.on(HEADERS, guest.call("proxy_define_metric", kind, name, OUT))
    for call, value in then:
        operand = () if value is None else (value,)
        guest.on(HEADERS, guest.call(call, f"(i32.load (i32.const {OUT}))", *operand))
    effect = started(guest, settings=settings).send()
    return [call.result.partition(":")[0] for call in effect.hostcalls] + effect.violations


def test_d4_metric_names_and_kinds() -> None:
    longest = b"m" * (256 - 4 - len("token_exchange"))
    assert metric(longest) == ["OK"]
    assert metric(longest + b"m") == ["trap"]
    assert metric(b"m", 9) == ["trap"]
    assert metric(b"m", 0, None, ("proxy_get_metric", 128)) == ["OK", "OK"]
    assert metric(b"m", 2, None, ("proxy_get_metric", 128)) == ["OK", "trap"]
    assert metric(b"m", 0, None, ("proxy_increment_metric", "(i64.const 1)")) == ["OK", "OK"]
    assert metric(b"m", 1, None, ("proxy_increment_metric", "(i64.const 1)")) == ["OK", "trap"]
    assert metric(b"m", 0, None, ("proxy_record_metric", "(i64.const 1)")) == ["OK", "trap"]


def test_t3_a_hyphen_in_the_filters_name_breaks_metrics() -> None:
    assert len(metric(b"m", 0, Settings(filter_name="token-exchange"))) == 2


def test_s10_time_is_in_milliseconds_and_can_be_moved() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.call("proxy_get_current_time_nanoseconds", OUT))
    guest.on(
        HEADERS,
        f"(if (i64.ne (i64.rem_u (i64.load (i32.const {OUT})) (i64.const 1000000)) (i64.const 0)) (then unreachable))",
    )
    model = started(guest)
    assert model.send().traps == []
    model.clock.advance(3600)
    assert abs(model.clock.now() - time.time() - 3600) < 5


def test_s10_log_levels() -> None:
    guest = Guest()
    guest.on(HEADERS, *(guest.call("proxy_log", level, b"m") for level in range(6)), guest.call("proxy_log", 9, b"m"))
    effect = started(guest).send()
    assert effect.log == [f"[{name}] m" for name in ("trace", "debug", "info", "warn", "error", "critical")]
    assert effect.statuses("proxy_log")[-1] == "BAD_ARGUMENT"


def test_q8_the_environment_holds_what_nginx_keeps() -> None:
    wat = """(module
        (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
        (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "environ_get" (func $get (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $sizes (i32.const 0) (i32.const 4)))
            (drop (call $get (i32.const 16) (i32.const 64)))
            (drop (call $log (i32.const 2) (i32.const 64) (i32.load (i32.const 4))))
            (i32.const 1)))"""
    model = KongModel(bytes(wasmtime.wat2wasm(wat)), Settings(environment={"SECRET": "s"}))
    model.add_route(Route())
    model.start()
    assert model.log == ["[info] SECRET=s\0"]


def test_s12_random_bytes_come_from_a_seed_that_workers_may_share() -> None:
    wat = """(module
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (if (call $random (i32.const 64) (i32.const 8)) (then unreachable))
            (drop (call $log (i32.const 2) (i32.const 64) (i32.const 8)))
            (i32.const 1)))"""
    workers = [KongModel(bytes(wasmtime.wat2wasm(wat))) for _ in range(3)]
    workers[2].random_bytes.unavailable = True
    for worker in workers:
        worker.add_route(Route())
        worker.start()
        worker.reload()
    (first, later), second, none = (worker.log for worker in workers)
    assert first != later
    assert second == [first, later]
    assert not any(line.startswith("[info]") for line in none)


def test_texts_reads_only_what_the_filter_said() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.call("proxy_log", 2, b"m"), guest.call("proxy_log", 3, b"n"))
    assert texts(started(guest).send()) == ["m"]
