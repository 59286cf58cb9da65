"""Properties: Q1, Q2, K9, S11."""

from __future__ import annotations

import pytest

from kong_model import Settings
from kong_model.rules.guests import Guest
from kong_model.rules.models import HEADERS, RESPONSE_HEADERS, get, started, texts, waiting

ZONES = Settings(shm_kv={"*": "12M eviction=lru", "foo": "1m"})


def read(path: bytes, callback: str = HEADERS, settings: Settings | None = None) -> tuple[str, list[str]]:
    """How reading a property in a request ends, and what it gives."""
    guest = Guest()
    property_ = guest.get_property(*path.split(b"."))
    guest.on(callback, "(i32.store (i32.const 68) (i32.const 0))", property_, guest.log_result())
    effect = started(guest, settings=settings).send(get((b"host", b"api.example.com")))
    return effect.statuses("proxy_get_property")[0], texts(effect)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (b"kong.configuration.nginx_wasm_shm_kv", "12M eviction=lru"),
        (b"kong.configuration.nginx_wasm_shm_kv_foo", "1m"),
        (b"kong.configuration.nginx_http_client_body_buffer_size", "8k"),
        (b"kong.configuration.nginx_wasm_tls_verify_cert", "on"),
        (b"kong.version", "3.9.1"),
        (b"kong.request.forwarded_host", "api.example.com"),
        (b"request.host", "kong"),
        (b"ngx.upstream_scheme", "http"),
        (b"plugin_name", "token_exchange"),
        (b"plugin_root_id", "0"),
    ],
)
def test_q1_readable_in_a_request(path: bytes, value: str) -> None:
    assert read(path, settings=ZONES) == ("OK", [value])


@pytest.mark.parametrize(
    "path",
    [
        b"kong.configuration.nginx_wasm_shm_kv",
        b"kong.configuration.nginx_wasm_main_shm_kv",
        b"kong.configuration.lua_ssl_trusted_certificate",
        b"kong.unknown",
        b"ngx.unknown",
        b"xds.node.id",
        b"node",
    ],
)
def test_q1_absent_in_a_request(path: bytes) -> None:
    assert read(path)[0] == "NOT_FOUND"


def test_q2_before_3_6_there_are_no_kong_properties() -> None:
    old = Settings(kong_version="3.5.0")
    assert read(b"kong.version", settings=old)[0] == "NOT_FOUND"
    assert read(b"ngx.upstream_scheme", settings=old)[0] == "OK"


def test_k9_reading_the_responses_source_traps_everywhere() -> None:
    for callback in (HEADERS, RESPONSE_HEADERS):
        assert read(b"kong.response.source", callback)[0].startswith("trap")


def test_k9_the_services_status_traps_before_the_response() -> None:
    path = b"kong.service.response.status"
    assert read(path)[0].startswith("trap")
    assert read(path, RESPONSE_HEADERS) == ("OK", ["200"])


def test_q5_the_services_status_is_absent_for_a_filters_own_answer() -> None:
    guest = Guest()
    guest.on(HEADERS, guest.reply(401))
    guest.on(RESPONSE_HEADERS, guest.get_property(b"kong", b"service", b"response", b"status"))
    assert started(guest).send().statuses("proxy_get_property") == ["NOT_FOUND"]


@pytest.mark.parametrize(
    ("path", "result"),
    [
        (b"ngx.upstream_scheme", "OK"),
        (b"kong.ctx.shared.mark", "OK"),
        (b"kong.service.target", "OK"),
        (b"ngx.unknown", "NOT_FOUND"),
        (b"ngx.request_uri", "INTERNAL_FAILURE"),
        (b"xds.node.id", "NOT_FOUND"),
        (b"kong.unknown", "trap"),
        (b"kong.configuration.wasm", "trap"),
    ],
)
def test_k9_writing(path: bytes, result: str) -> None:
    guest = Guest()
    guest.on(HEADERS, guest.set_property(b"http", *path.split(b".")))
    assert started(guest).send().statuses("proxy_set_property")[0].partition(":")[0] == result


def test_k9_a_request_keeps_what_filters_share() -> None:
    guest = waiting(Guest())
    path = (b"kong", b"ctx", b"shared", b"mark")
    guest = Guest()
    guest.on(HEADERS, guest.set_property(b"here", *path))
    guest.on(RESPONSE_HEADERS, guest.get_property(*path), guest.log_result())
    assert texts(started(guest).send()) == ["here"]


@pytest.mark.parametrize("callback", ["proxy_on_vm_start", "proxy_on_configure"])
def test_q2_a_root_context_reads_nothing_of_a_request(callback: str) -> None:
    guest = Guest()
    paths = (b"kong.version", b"ngx.upstream_scheme", b"request.path", b"xds.node.id", b"plugin_root_id")
    guest.on(callback, *(guest.get_property(*path.split(b".")) for path in paths))
    guest.on(callback, guest.set_property(b"x", b"ngx", b"upstream_scheme"))
    model = started(guest)
    results = [call.result for call in model.hostcalls if call.name == "proxy_get_property"]
    assert results == [*["INTERNAL_FAILURE"] * 3, "NOT_FOUND", "OK"]
    assert [call.result for call in model.hostcalls if call.name == "proxy_set_property"] == ["INTERNAL_FAILURE"]
    assert sum("outside of a request" in line for line in model.log) == 3
    assert model.runs_chains


def test_q2_plugin_name_on_a_root_context_crashes_for_ever() -> None:
    guest = Guest()
    guest.on("proxy_on_configure", guest.get_property(b"plugin_name"))
    model = started(guest)
    assert model.dead
    assert model.send().answers[0].status is None
