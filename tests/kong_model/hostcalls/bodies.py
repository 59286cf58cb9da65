"""Buffers."""

from __future__ import annotations

from kong_model.abi import Buffer, GuestTrap, Status
from kong_model.hostcalls.host import Host, Signature
from kong_model.step import Step


def get_bytes(host: Host, which: int, start: int, most: int, data_out: int, size_out: int) -> Status:
    """D4, Q3: reading a body in another callback than its own traps; `start` is ignored; a length of 0 is nothing."""
    host.note = (which, start, most)
    data = _content(host, which)
    if isinstance(data, Status):
        return data
    size = min(len(data), most & 0xFFFFFFFF)
    return host.give(data[:size], data_out, size_out) if size else Status.OK


def _content(host: Host, which: int) -> bytes | Status:
    if which == Buffer.PLUGIN_CONFIGURATION:
        return host.execution.root.filter.configuration
    if which == Buffer.VM_CONFIGURATION:
        return b""
    if which == Buffer.REQUEST_BODY:
        return _request_body(host)
    if which == Buffer.RESPONSE_BODY:
        if host.step is not Step.RESPONSE_BODY:
            raise GuestTrap('can only get response body during "on_response_body"')
        return host.stream.response_piece or Status.NOT_FOUND
    return _call_body(host) if which == Buffer.CALL_RESPONSE_BODY else Status.BAD_ARGUMENT


def _request_body(host: Host) -> bytes | Status:
    """Q3: not there yet in the headers' callback; a spilled one is absent; elsewhere a trap."""
    if host.step not in (Step.REQUEST_HEADERS, Step.REQUEST_BODY, Step.LOG):
        raise GuestTrap('can only get request body during "on_request_body", "on_log"')
    body = host.stream.request.body
    if host.step is Step.REQUEST_HEADERS or not body:
        return Status.NOT_FOUND
    if host.stream.body_is_spilled():
        host.log("error", "cannot read request body buffered to file")
        return Status.NOT_FOUND
    return body


def _call_body(host: Host) -> bytes | Status:
    """D4: a truncated body is status 2; an empty one is status 1; anywhere else a trap."""
    if host.step not in (Step.CALL_RESPONSE, Step.ROOT_CALL_RESPONSE):
        raise GuestTrap('can only get dispatch response body during "on_http_dispatch_response"')
    outcome = host.model.current_outcome
    if outcome is None or not outcome.readable:
        return Status.BAD_ARGUMENT
    return outcome.body or Status.NOT_FOUND


def set_bytes(host: Host, which: int, start: int, size: int, data: int, data_size: int) -> Status:
    """Q4: the response's body can be set in its own callback only."""
    host.note = (which, start, size)
    content = host.read(data, data_size)
    if which == Buffer.RESPONSE_BODY:
        if host.step is not Step.RESPONSE_BODY:
            raise GuestTrap('can only set response body during "on_response_body"')
        host.stream.response_piece = _spliced(host.stream.response_piece or b"", start, size, content)
        return Status.OK
    if which == Buffer.REQUEST_BODY:
        if host.step not in (Step.REQUEST_HEADERS, Step.REQUEST_BODY):
            raise GuestTrap('can only set request body during "on_request_body"')
        host.stream.request.body = _spliced(host.stream.request.body, start, size, content)
        return Status.OK
    return Status.BAD_ARGUMENT


def _spliced(old: bytes, start: int, size: int, content: bytes) -> bytes:
    """A length of 0 at 0 puts before; else the range is replaced."""
    first, count = start & 0xFFFFFFFF, size & 0xFFFFFFFF
    return old[:first] + content + old[first + count :]


TABLE: dict[str, Signature] = {
    "proxy_get_buffer_bytes": ("iiiii", get_bytes),
    "proxy_set_buffer_bytes": ("iiiii", set_bytes),
}
