"""No panic in the filter's own code, and in that of others none that is not accounted for (known.yaml)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import panic_locations
import pytest
import wasmtime
import yaml
from panic_locations import Places

HERE = Path(__file__).parent
DIST = HERE.parents[1] / "dist"
WASM = Path(os.environ.get("TOKEN_EXCHANGE_WASM", DIST / "token_exchange.wasm"))
KNOWN: list[dict[str, Any]] = yaml.safe_load((HERE / "known.yaml").read_text("utf-8"))
A_FILTER = """
(module
  (import "env" "proxy_log" (func (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "src/host/mod.rs\\00/home/me/.cargo/registry/src/index-0/url-2.5.8/src/a.rs")
  (data (i32.const 96) "\\08\\00\\00\\00\\10\\00\\00\\00\\07\\00\\00\\00\\05\\00\\00\\00")
  (data (i32.const 116) "\\18\\00\\00\\00\\37\\00\\00\\00\\00\\01\\00\\00\\01\\00\\00\\00"))
"""


@pytest.fixture(scope="module")
def places() -> Places:
    """The places in the artefact."""
    assert WASM.is_file(), f"{WASM} is not there: run 'make wasm' first"
    return panic_locations.of(WASM)


def test_places_are_found_where_they_are() -> None:
    memory = panic_locations.memory_of(bytes(wasmtime.wat2wasm(A_FILTER)))
    found = panic_locations.locations(memory)
    assert found == {"src/host/mod.rs": {7}, "url-2.5.8/src/a.rs": {256}}
    assert [panic_locations.is_own(file) for file in sorted(found)] == [True, False]


def test_the_artefact_has_places(places: Places) -> None:
    # The SDK's own are always there. Without any, the form in which they are looked for is out of date.
    assert any(file.startswith("proxy-wasm-") for file in places)


def test_the_filters_own_code_has_none(places: Places) -> None:
    own = [f"{file}:{line}" for file, lines in places.items() if panic_locations.is_own(file) for line in sorted(lines)]
    assert own == []


def test_every_place_of_others_is_accounted_for(places: Places) -> None:
    new = [
        f"{file}:{line}"
        for file, lines in sorted(places.items())
        if not panic_locations.is_own(file)
        for line in sorted(lines)
        if not any(_covers(entry, file, line) for entry in KNOWN)
    ]
    assert new == [], "add each to tests/panics/known.yaml, with the reason why no input gets there"


def test_every_entry_stands_for_something(places: Places) -> None:
    assert [file for entry in KNOWN for file in entry["where"] if file not in places] == []


def test_only_the_standard_library_is_trusted_by_the_file() -> None:
    trusted = [file for entry in KNOWN for file, lines in entry["where"].items() if lines == "any"]
    assert all(file.startswith("library/") for file in trusted)
    assert all(len(entry["why"].split()) > 5 for entry in KNOWN)


def _covers(entry: dict[str, Any], file: str, line: int) -> bool:
    lines = entry["where"].get(file, [])
    return lines == "any" or line in lines
