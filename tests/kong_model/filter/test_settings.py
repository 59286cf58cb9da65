"""What the filter says at its first request about settings that an operator left out (Q1, K4, K5, K7)."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from kong_model import Settings
from kong_model.filter.site import Site, configuration, good, route

KONG_CONF = Path(__file__).resolve().parents[3] / "kong" / "kong.conf"
ZONE = {"*": "24m"}
BUFFER = {"nginx_http_wasm_socket_buffer_size": "16k"}
GOOD = Settings(shm_kv=ZONE, configuration={**Settings().configuration, **BUFFER})


def said(settings: Settings) -> list[str]:
    """What the first request is told about kong.conf."""
    effect = Site(settings=settings).model.send(good())
    assert (effect.harm, effect.answer.status) == ([], 200)
    return [line for line in effect.log if "kong.conf" in line or "shared zone" in line]


def changed(**configuration: str) -> Settings:
    """The good settings with some changed; an empty one is left out."""
    together = {**GOOD.configuration, **configuration}
    return dataclasses.replace(GOOD, configuration={name: value for name, value in together.items() if value})


def test_the_projects_own_kong_conf_leaves_nothing_to_say() -> None:
    lines = KONG_CONF.read_text().splitlines()
    written = dict(line.split(" = ", 1) for line in lines if line.startswith("nginx_"))
    zone = {"*": written.pop("nginx_wasm_shm_kv")}
    assert said(Settings(shm_kv=zone, configuration={**Settings().configuration, **written})) == []


def test_of_kongs_defaults_the_zone_and_the_buffer_are_missing() -> None:
    zone, buffer = said(Settings())
    assert "set nginx_wasm_shm_kv" in zone
    assert buffer.endswith("set nginx_http_wasm_socket_buffer_size = 16k")


@pytest.mark.parametrize(
    ("declared", "slots", "expected"),
    [
        ("24m", 4096, None),
        ("24m eviction=lru", 4096, None),
        ("12m", 4096, "is small for 4096 entries (cache.shared_slots); set nginx_wasm_shm_kv = 24m"),
        ("* 12m", 4096, "is small for 4096 entries (cache.shared_slots); set nginx_wasm_shm_kv = * 24m"),
        ("24M", 4096, None),
        ("12m", 2048, None),
        ("24m", 65_536, "is small for 65536 entries (cache.shared_slots); set nginx_wasm_shm_kv = 384m"),
    ],
)
def test_a_zone_too_small_for_its_slots_is_used_with_a_warning(declared: str, slots: int, expected: str | None) -> None:
    settings = dataclasses.replace(GOOD, shm_kv={"*": declared})
    site = Site(route(configuration(cache={"shared_slots": slots})), settings=settings)
    effect = site.model.send(good())
    assert (effect.harm, effect.answer.status) == ([], 200)
    lines = [line for line in effect.log if "shared zone" in line]
    assert lines == ([] if expected is None else [f"[warn] kong.conf: the shared zone {expected}"])
    assert site.model.zones.by_name["*"].writes == 2


@pytest.mark.parametrize(
    ("name", "value", "level", "remedy"),
    [
        ("nginx_wasm_tls_verify_cert", "off", "error", "nginx_wasm_tls_verify_cert = on"),
        ("nginx_wasm_tls_verify_host", "", "error", "nginx_wasm_tls_verify_host = on"),
        ("nginx_wasm_tls_trusted_certificate", "", "warn", "lua_ssl_trusted_certificate = system"),
        ("nginx_http_proxy_wasm_lua_resolver", "off", "warn", "nginx_http_proxy_wasm_lua_resolver = on"),
        ("nginx_http_proxy_wasm_isolation", "stream", "warn", "nginx_http_proxy_wasm_isolation = none"),
    ],
)
def test_a_setting_that_is_missing_is_named(name: str, value: str, level: str, remedy: str) -> None:
    (line,) = said(changed(**{name: value}))
    assert line.startswith(f"[{level}]") and line.endswith(f"set {remedy}")


def test_each_configuration_is_told_once() -> None:
    site = Site(route(name="a"), route(configuration(client_id="other"), name="b"), settings=Settings(shm_kv=ZONE))
    told = [site.model.send(good(), each).log for each in (*site.model.routes, *site.model.routes)]
    assert [sum("kong.conf" in line for line in lines) for lines in told] == [1, 1, 0, 0]


def test_a_kong_that_tells_no_settings_gets_no_advice_about_them() -> None:
    (line,) = said(Settings(kong_version="3.5.0"))
    assert "shared zone" in line
