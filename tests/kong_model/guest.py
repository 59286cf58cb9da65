"""An instance of the filter's module, under Wasmtime as in WasmX."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable
from functools import lru_cache

import wasmtime

from kong_model.abi import GuestTrap, StartFailed, WorkerCrash

Import = Callable[..., int]
ERRNO_IO = 29
"""WASI's number for an I/O error."""


@lru_cache(maxsize=1)
def engine() -> wasmtime.Engine:
    """The engine of all instances."""
    config = wasmtime.Config()
    config.cache = True
    return wasmtime.Engine(config)


@lru_cache(maxsize=64)
def compiled(wasm: bytes) -> wasmtime.Module:
    """The module; compiled once however many instances are made of it."""
    return wasmtime.Module(engine(), wasm)


class Clock:
    """The real time, moved on by what a test asks for."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> float:
        """Seconds since the epoch; as nginx caches it, in milliseconds (S10)."""
        return int((time.time() + self.offset) * 1000) / 1000

    def advance(self, seconds: float) -> None:
        """Moves on."""
        self.offset += seconds


class RandomBytes:
    """S12: the low bytes of C's random(), which a seed of 32 bits starts in each worker: here the same in all."""

    def __init__(self) -> None:
        self.unavailable = False
        self._generator = random.Random(1)

    def take(self, size: int) -> bytes:
        """The next bytes."""
        return self._generator.randbytes(size)


class Guest:
    """One instance: its memory, its exports, and whether it still lives."""

    def __init__(
        self,
        wasm: bytes,
        imports: dict[str, tuple[str, Import]],
        environment: dict[str, str],
        clock: Clock,
        random_bytes: RandomBytes,
    ) -> None:
        self.trapped = False
        self.printed = bytearray()
        self._store = wasmtime.Store(engine())
        wasi = wasmtime.WasiConfig()
        wasi.env = list(environment.items())
        wasi.stdout_custom = self._print
        wasi.stderr_custom = self._print
        self._store.set_wasi(wasi)
        linker = wasmtime.Linker(engine())
        linker.define_wasi()
        linker.allow_shadowing = True
        self._define_clock(linker, clock)
        self._define_random(linker, random_bytes)
        for name, (signature, function) in imports.items():
            linker.define_func("env", name, _function_type(signature), function)
        instance = linker.instantiate(self._store, compiled(wasm))
        self._exports = instance.exports(self._store)
        memory = self._exports["memory"]
        if not isinstance(memory, wasmtime.Memory):
            raise StartFailed("the module exports no memory")
        self._memory = memory

    def start(self) -> None:
        """Lets the module initialise itself."""
        self.call("_initialize" if self.has("_initialize") else "_start")

    def _print(self, data: bytes) -> int:
        self.printed += data
        return len(data)

    def _define_clock(self, linker: wasmtime.Linker, clock: Clock) -> None:
        """S10: the wall clock is nginx's, and the monotonic clock does not move within a callback."""

        def clock_time_get(kind: int, _precision: int, pointer: int) -> int:
            now = clock.now() if kind == 0 else 0
            self.write(pointer, struct.pack("<Q", int(now * 1000) * 1_000_000))
            return 0

        linker.define_func("wasi_snapshot_preview1", "clock_time_get", _function_type("iIi"), clock_time_get)

    def _define_random(self, linker: wasmtime.Linker, random_bytes: RandomBytes) -> None:
        """S12: random bytes; that there are none is a fault that no host is known to have."""

        def random_get(pointer: int, size: int) -> int:
            if random_bytes.unavailable:
                return ERRNO_IO
            self.write(pointer, random_bytes.take(size))
            return 0

        linker.define_func("wasi_snapshot_preview1", "random_get", _function_type("ii"), random_get)

    def has(self, export: str) -> bool:
        """Whether the module exports a function."""
        return isinstance(self._exports.get(export), wasmtime.Func)

    def call(self, export: str, *arguments: int) -> int:
        """Calls an export; GuestTrap or WorkerCrash where it does not come back."""
        function = self._exports.get(export)
        if not isinstance(function, wasmtime.Func):
            return 0
        try:
            result = function(self._store, *arguments)
        except (GuestTrap, WorkerCrash):
            self.trapped = True
            raise
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            self.trapped = True
            raise GuestTrap(self._reason(error)) from None
        return int(result) if result is not None else 0

    def _reason(self, error: Exception) -> str:
        """S2: nothing else tells why a panic happened than what it printed."""
        printed = self.printed.decode("utf-8", "replace").strip()
        return printed.splitlines()[-1] if printed else str(error).strip().splitlines()[-1]

    def read(self, pointer: int, size: int) -> bytes:
        """Copies bytes out; a bad pointer traps."""
        start, length = pointer & 0xFFFFFFFF, size & 0xFFFFFFFF
        if start + length > self._memory.data_len(self._store):
            raise GuestTrap("out of bounds")
        return bytes(self._memory.read(self._store, start, start + length))

    def write(self, pointer: int, data: bytes) -> None:
        """Copies bytes in; a bad pointer traps."""
        start = pointer & 0xFFFFFFFF
        if start + len(data) > self._memory.data_len(self._store):
            raise GuestTrap("out of bounds")
        self._memory.write(self._store, data, start)

    def memory_size(self) -> int:
        """How many bytes of linear memory it has."""
        return self._memory.data_len(self._store)

    def give(self, data: bytes, pointer_out: int, size_out: int, room: int) -> None:
        """Allocates in the guest, copies, and tells where; the host trusts its own sums."""
        pointer = self.call("proxy_on_memory_allocate", room) or self.call("malloc", room)
        if pointer == 0:
            raise GuestTrap("no memory")
        self.write(pointer, data)
        self.write(pointer_out, struct.pack("<I", pointer & 0xFFFFFFFF))
        self.write(size_out, struct.pack("<I", room))


def _function_type(signature: str) -> wasmtime.FuncType:
    """A type out of one letter for each parameter (i: 32 bits, I: 64 bits); all return 32 bits."""
    kinds = {"i": wasmtime.ValType.i32, "I": wasmtime.ValType.i64}
    return wasmtime.FuncType([kinds[letter]() for letter in signature], [wasmtime.ValType.i32()])
