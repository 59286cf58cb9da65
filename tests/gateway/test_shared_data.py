"""What another filter sees in Envoy's shared data, which every filter with the same vm_id can read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import wasmtime

from gateway_suite.envoy import EnvoyDriver
from gateway_suite.envoy_stage import EnvoyStage
from gateway_suite.model import Request
from gateway_suite.running_envoy import Envoys

READER = """
(module
  (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (global $heap (mut i32) (i32.const 65536))
  (data (i32.const 1024) "token_exchange.3840.0000000")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32)
    (global.get $heap)
    (global.set $heap (i32.add (global.get $heap) (local.get 0))))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $get (i32.const 1024) (i32.const 27) (i32.const 64) (i32.const 68) (i32.const 72)))
    (drop (call $reply (i32.const 200) (i32.const 0) (i32.const 0) (i32.load (i32.const 64)) (i32.load (i32.const 68))
      (i32.const 0) (i32.const 0) (i32.const -1)))
    (i32.store8 (i32.const 1050) (i32.const 49))
    (i32.const 1))
)
"""
"""Answers the first request with what is in the slot 0, and those after it with what is in the slot 1."""
VERSION = b"\x03"
"""The first byte of an entry."""
ENTRY_BYTES = 3840
"""How long every entry is (S13)."""


def test_sec_10_another_filter_reads_neither_tokens_nor_claims(
    request: pytest.FixtureRequest, envoys: Envoys, untrapped_stages: list[EnvoyStage], tmp_path: Path
) -> None:
    running = envoys.of(request.config.getoption("--wasm"))
    stage = EnvoyStage(running, EnvoyDriver.variants[0], {"cache": {"shared": "on", "shared_slots": 2}})
    untrapped_stages.append(stage)
    stage.let_go()
    assert stage.visit().answer()[0] == 200

    reader = replace(stage.site, name=f"{stage.site.name}-reader", config="")
    assert reader.group == stage.site.group, "its vm_id is the filter's"
    wasm = tmp_path / "reader.wasm"
    wasm.write_bytes(wasmtime.wat2wasm(READER))
    running.add(reader, wasm)
    try:
        ask = Request(headers=[(b"host", b"api.example.com")])
        entries = [running.send(reader, ask).body for _ in range(2)]
    finally:
        running.remove(reader)

    assert [entry[:1] for entry in entries] == [VERSION] * 2, "claims and an issued token are there"
    assert [len(entry) for entry in entries] == [ENTRY_BYTES] * 2
    (issued,) = stage.server.issued
    claims = [json.dumps(name).encode() for name in ("active", "sub", "scope", "alice", "mcp:read")]
    readable = [issued.encode(), stage.token.encode(), b"alice", b"https://", *claims]
    assert not [(part, entry) for entry in entries for part in readable if part in entry]
