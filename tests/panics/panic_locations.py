"""Reads the places where a built filter can panic out of the filter itself.

Code that can panic hands the place to the panic: a `core::panic::Location`, which lies in the module's data and holds
the file's name, the line and the column. What the optimizer has proven never to happen has none. So the list is that
of the very artefact, stripped or not, and it is complete but for traps that are no panics.
"""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from pathlib import Path

import wasmtime

WORD = 4
LOCATION = struct.Struct("<IIII")
"""Where the file's name is and how long, the line, the column; a name may have a zero byte at its end."""
MAX_NAME_BYTES, MAX_LINE, MAX_COLUMN = 400, 200_000, 1_000
NAME = re.compile(rb"[\x20-\x7e]+\.rs\x00?")
HOMES = re.compile(r".*?/(?:registry/src/[^/]+/|rustc/[0-9a-f]+/|rustlib/src/rust/)(?=[^/]+/)")
"""Where crates and the standard library lie when they are compiled."""

Places = dict[str, set[int]]
"""The lines of each file; those of other crates and of the standard library without the way there."""


def memory_of(wasm: bytes) -> bytes:
    """The memory of an instance that has not run."""
    engine = wasmtime.Engine()
    store, module, linker = wasmtime.Store(engine), wasmtime.Module(engine, wasm), wasmtime.Linker(engine)
    linker.define_unknown_imports_as_traps(module)
    memory = linker.instantiate(store, module).exports(store)["memory"]
    assert isinstance(memory, wasmtime.Memory)
    return bytes(memory.read(store))


def locations(memory: bytes) -> Places:
    """Every panic location in a memory."""
    found: Places = defaultdict(set)
    for start in range(0, len(memory) - LOCATION.size + 1, WORD):
        address, length, line, column = LOCATION.unpack_from(memory, start)
        if 0 < length <= MAX_NAME_BYTES and 0 < line <= MAX_LINE and 0 < column <= MAX_COLUMN:
            name = memory[address : address + length]
            if len(name) == length and NAME.fullmatch(name):
                found[HOMES.sub("", name.rstrip(b"\0").decode())].add(line)
    return dict(found)


def of(wasm: Path) -> Places:
    """The places of a built filter."""
    return locations(memory_of(wasm.read_bytes()))


def is_own(file: str) -> bool:
    """Whether a file is one of this project: only those are compiled by a name relative to it."""
    return file.startswith(("src/", "./src/"))
