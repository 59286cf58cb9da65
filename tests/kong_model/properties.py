"""Properties: what can be read and written, where, and where the attempt kills (Q1, Q2, K9, S11)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kong_model.abi import GuestTrap, Status, WorkerCrash
from kong_model.step import IN_RESPONSE, Step

if TYPE_CHECKING:
    from kong_model.settings import Settings
    from kong_model.stream import Stream

_WRITABLE_VARIABLES = {"upstream_scheme", "upstream_uri", "upstream_host", "args"}
_WRITABLE_KONG = {
    "kong.service.target", "kong.service.upstream", "kong.service.request.scheme", "kong.response.status",
}  # fmt: skip
_SCOPED = ("kong.", "ngx.", "request.", "response.", "source.", "connection.", "upstream.", "destination.")
Read = tuple[Status, bytes]
_ABSENT: Read = (Status.NOT_FOUND, b"")


def read_on_root(path: str) -> Read:
    """Q2: on a root context everything of a request is status 10, and `plugin_name` crashes the worker for ever."""
    if path == "plugin_name":
        raise WorkerCrash("plugin_name read on a root context")
    if path.startswith(_SCOPED):
        return Status.INTERNAL_FAILURE, b""
    return (Status.OK, b"0") if path == "plugin_root_id" else _ABSENT


def read(path: str, stream: Stream, step: Step, settings: Settings) -> Read:
    """Reads a property while a request's callback runs."""
    first, _, rest = path.partition(".")
    if first == "kong":
        return _read_kong(path, stream, step, settings) if settings.has_kong_properties else _ABSENT
    if first == "ngx":
        return _found(stream.variables.get(rest))
    if first == "request":
        return _found(_request_value(rest, stream))
    if path == "response.code" and stream.response_status is not None:
        return Status.OK, str(stream.response_status).encode()
    fixed = {
        "plugin_name": settings.filter_name.encode(),
        "plugin_root_id": b"0",
        "source.address": b"127.0.0.1:40000",
    }
    return _found(fixed.get(path))


def _found(value: bytes | None) -> Read:
    return _ABSENT if value is None else (Status.OK, value)


def _read_kong(path: str, stream: Stream, step: Step, settings: Settings) -> Read:
    """K9, Q5 (c): `kong.response.source` always traps, `kong.service.response.status` before the response does."""
    if path == "kong.response.source":
        raise GuestTrap('could not get "kong.response.source"')
    if path == "kong.service.response.status":
        if step not in IN_RESPONSE:
            raise GuestTrap('could not get "kong.service.response.status"')
        status = stream.upstream_status
        return _found(None if status is None else str(status).encode())
    if path.startswith("kong.configuration."):
        return _found(_configuration(path.removeprefix("kong.configuration."), settings))
    if path.startswith("kong.ctx.shared."):
        return _found(stream.shared_context.get(path))
    fixed = {
        "kong.version": settings.kong_version,
        "kong.client.protocol": "http",
        "kong.nginx.subsystem": "http",
        "kong.node.id": "00000000-0000-4000-8000-000000000001",
        "kong.request.port": "8000",
        "kong.request.forwarded_host": (stream.headers.get(b"host") or b"").decode("latin-1"),
        "kong.request.forwarded_port": "8000",
        "kong.request.forwarded_scheme": "http",
        "kong.route_name": stream.route.name,
        "kong.router.route": json.dumps({"name": stream.route.name, "preserve_host": stream.route.preserve_host}),
    }
    value = fixed.get(path)
    return _found(None if value is None else value.encode("latin-1"))


def _configuration(name: str, settings: Settings) -> bytes | None:
    """Q1: a setting verbatim, under the name it has in kong.conf, and under no other."""
    if name == "wasm":
        return b"true"
    if name == "nginx_http_client_body_buffer_size":
        return settings.client_body_buffer_size.encode()
    zone = "*" if name == "nginx_wasm_shm_kv" else name.removeprefix("nginx_wasm_shm_kv_")
    in_zones = name.startswith("nginx_wasm_shm_kv")
    declared = settings.shm_kv.get(zone) if in_zones else settings.configuration.get(name)
    return None if declared is None else declared.encode()


def _request_value(name: str, stream: Stream) -> bytes | None:
    """S11; K9: request.host is the machine's name, not the Host header."""
    if name.startswith("headers."):
        return stream.headers.get(name.removeprefix("headers.").encode("latin-1"))
    url_path, query = stream.uri, stream.request.target.partition(b"?")[2]
    values = {
        "path": stream.request.target,
        "url_path": url_path,
        "query": query,
        "host": b"kong",
        "scheme": b"http",
        "method": stream.method,
        "protocol": b"HTTP/2.0" if stream.request.http2 else b"HTTP/1.1",
        "id": b"0123456789abcdef0123456789abcdef",
        "useragent": stream.headers.get(b"user-agent"),
    }
    return values.get(name)


def write_on_root(path: str) -> Status:
    """S11: there is no request to write to."""
    return Status.INTERNAL_FAILURE if path.startswith(_SCOPED) else Status.NOT_FOUND


def write(path: str, value: bytes, stream: Stream) -> Status:
    """K9: an unknown kong.* traps; D4: the rest that cannot be written is a status."""
    first, _, rest = path.partition(".")
    if first == "ngx":
        if rest not in stream.variables:
            return Status.NOT_FOUND
        if rest not in _WRITABLE_VARIABLES:
            return Status.INTERNAL_FAILURE
        stream.variables[rest] = value
        return Status.OK
    if first == "kong":
        if path.startswith("kong.ctx.shared."):
            stream.shared_context[path] = value
        elif path not in _WRITABLE_KONG:
            raise GuestTrap(f'could not set "{path}"')
        return Status.OK
    return Status.NOT_FOUND
