"""The Envoy driver itself: a trap is noticed, and a configuration that Envoy refuses is reported."""

from __future__ import annotations

from pathlib import Path

import pytest
import wasmtime

from gateway_suite.background import BackgroundLoop
from gateway_suite.envoy import EnvoyDriver
from gateway_suite.model import Address, Request, Site
from gateway_suite.upstream import Upstream

REQUEST = Request(headers=[(b"host", b"api.example.com")])
FILTER = """
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) i32.const 1024)
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {})
)
"""


@pytest.mark.parametrize(("body", "status", "traps"), [("i32.const 0", 200, False), ("unreachable", 503, True)])
def test_a_trap_is_noticed(tmp_path: Path, body: str, status: int, traps: bool) -> None:
    wasm = tmp_path / "filter.wasm"
    wasm.write_bytes(wasmtime.wat2wasm(FILTER.format(body)))
    loop, upstream, driver = BackgroundLoop(), Upstream(), EnvoyDriver()
    site = Site("a", "a", driver.variants[0], "{}", upstream.address, {})
    try:
        loop.run(upstream.start())
        driver.start([site], wasm, tmp_path)
        assert driver.trapped(site) is None
        assert driver.send(site, REQUEST).status == status
        assert (driver.trapped(site) is not None) == traps
        assert len(upstream.arrivals) == (0 if traps else 1)
    finally:
        driver.stop()
        loop.run(upstream.stop())
        loop.close()


def test_an_envoy_that_does_not_start_says_why(tmp_path: Path) -> None:
    wasm = tmp_path / "filter.wasm"
    wasm.write_bytes(b"not wasm")
    driver = EnvoyDriver()
    site = Site("a", "a", driver.variants[0], "{}", Address("127.0.0.1", 1), {})
    try:
        with pytest.raises(RuntimeError, match="Unable to create Wasm"):
            driver.start([site], wasm, tmp_path)
    finally:
        driver.stop()
