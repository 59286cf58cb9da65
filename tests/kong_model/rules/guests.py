"""Tiny filters in WebAssembly text: callbacks that make the hostcalls they are told to."""

from __future__ import annotations

import wasmtime

from kong_model.abi import pack_pairs
from kong_model.hostcalls import TABLE

_PARAMETERS = {
    "proxy_on_context_create": 2,
    "proxy_on_vm_start": 2,
    "proxy_on_configure": 2,
    "proxy_on_tick": 1,
    "proxy_on_request_headers": 3,
    "proxy_on_request_body": 3,
    "proxy_on_http_call_response": 5,
    "proxy_on_response_headers": 3,
    "proxy_on_response_body": 3,
    "proxy_on_done": 1,
    "proxy_on_log": 1,
}
_WITHOUT_RESULT = {"proxy_on_context_create", "proxy_on_tick", "proxy_on_http_call_response", "proxy_on_log"}
OUT = 64
"""Where hostcalls put their results: four numbers from here on."""
CONTINUE = "(i32.const 0)"
PAUSE = "(i32.const 1)"
TRAP = "unreachable"
REQUEST, RESPONSE, CALL = 0, 2, 6


class Guest:
    """Collects texts and callbacks."""

    def __init__(self) -> None:
        self._data = b""
        self._callbacks: dict[str, list[str]] = {}

    def text(self, data: bytes) -> str:
        """Puts bytes into memory; pointer and length as operands."""
        pointer = 1024 + len(self._data)
        self._data += data + b"\0"
        return f"(i32.const {pointer}) (i32.const {len(data)})"

    def call(self, name: str, *arguments: int | bytes | str) -> str:
        """A hostcall whose status is dropped: the model's record has it. Bytes become pointer and length."""
        operands = [
            argument if isinstance(argument, str)
            else self.text(argument) if isinstance(argument, bytes)
            else f"(i32.const {argument})"
            for argument in arguments
        ]  # fmt: skip
        return f"(drop (call ${name} {' '.join(operands)}))"

    def dispatch(self, method: bytes | None = b"GET", upstream: bytes = b"127.0.0.1:9", **pseudo: bytes) -> str:
        """A callout; more pseudo-headers by name, an empty one is left out."""
        fields = {"path": b"/", **({"method": method} if method else {}), **pseudo}
        pairs = pack_pairs((b":" + name.encode(), value) for name, value in fields.items() if value)
        return self.call("proxy_http_call", upstream, pairs, b"", b"", 1000, OUT)

    def reply(self, status: int = 401, body: bytes = b"", *headers: tuple[bytes, bytes]) -> str:
        """A local response."""
        return self.call("proxy_send_local_response", status, b"", body, pack_pairs(headers), -1)

    def get_property(self, *path: bytes) -> str:
        """Reads a property."""
        return self.call("proxy_get_property", b"\0".join(path), OUT, OUT + 4)

    def set_property(self, value: bytes, *path: bytes) -> str:
        """Writes a property."""
        return self.call("proxy_set_property", b"\0".join(path), value)

    def get(self, which: int, name: bytes) -> str:
        """Reads a header."""
        return self.call("proxy_get_header_map_value", which, name, OUT, OUT + 4)

    def set(self, which: int, name: bytes, value: bytes) -> str:
        """Replaces a header."""
        return self.call("proxy_replace_header_map_value", which, name, value)

    def log_result(self) -> str:
        """Logs the bytes that the last hostcall handed over."""
        return f"(drop (call $proxy_log (i32.const 2) (i32.load (i32.const {OUT})) (i32.load (i32.const {OUT + 4}))))"

    def on(self, callback: str, *instructions: str) -> Guest:
        """Adds instructions to a callback, `$1` and on being its parameters; the last may be its result."""
        self._callbacks.setdefault(callback, []).extend(instructions)
        return self

    def wasm(self) -> bytes:
        """The module."""
        imports = "".join(self._import(name, signature) for name, (signature, _) in TABLE.items())
        callbacks = "".join(self._callback(name, body) for name, body in self._callbacks.items())
        data = "".join(f"\\{byte:02x}" for byte in self._data)
        return bytes(
            wasmtime.wat2wasm(f"""(module {imports} (memory (export "memory") 64)
            (global $heap (mut i32) (i32.const 65536)) (global $state (mut i32) (i32.const 0))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32)
                (global.get $heap) (global.set $heap (i32.add (global.get $heap) (local.get 0))))
            (data (i32.const 1024) "{data}") {callbacks})""")
        )

    @staticmethod
    def _import(name: str, signature: str) -> str:
        kinds = " ".join("i64" if letter == "I" else "i32" for letter in signature)
        return f'(import "env" "{name}" (func ${name} (param {kinds}) (result i32)))'

    @staticmethod
    def _callback(name: str, body: list[str]) -> str:
        result = "" if name in _WITHOUT_RESULT else "(result i32)"
        parameters = " ".join(f"(param ${index + 1} i32)" for index in range(_PARAMETERS[name]))
        default = "(i32.const 1)" if name in ("proxy_on_vm_start", "proxy_on_configure", "proxy_on_done") else CONTINUE
        has_result = bool(body) and body[-1] in (CONTINUE, PAUSE, TRAP)
        tail = "" if not result or has_result else default
        return f'(func (export "{name}") {parameters} {result} {" ".join(body)} {tail})'
