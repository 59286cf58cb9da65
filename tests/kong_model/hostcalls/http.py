"""Replies and callouts."""

from __future__ import annotations

from kong_model.abi import GuestTrap, Status, WorkerCrash, unpack_pairs
from kong_model.callout import accept
from kong_model.hostcalls.host import Host, Signature
from kong_model.step import Step
from kong_model.stream import LocalResponse


def send_local_response(
    host: Host, status: int, _details: int, _details_size: int, body: int, body_size: int,
    headers: int, headers_size: int, _grpc_status: int,
) -> Status:  # fmt: skip
    """D4: a second reply traps, the first is still delivered. S3: the pending callouts are cancelled.

    S7: from the response's headers it is broken: the upstream's Content-Length stays and the client hangs.
    """
    host.note = (status, body_size)
    pairs = unpack_pairs(host.read(headers, headers_size))
    content = host.read(body, body_size)
    if pairs is None:
        return Status.INTERNAL_FAILURE
    stream = host.stream
    if host.step in (Step.RESPONSE_HEADERS, Step.RESPONSE_BODY):
        if host.step is Step.RESPONSE_BODY:
            raise GuestTrap("response already sent")
        stream.effect.hung = True
        return Status.OK
    if host.step not in (Step.REQUEST_HEADERS, Step.REQUEST_BODY, Step.CALL_RESPONSE):
        raise GuestTrap("response already sent")
    if stream.replied:
        raise GuestTrap("local response already stashed")
    if not 100 <= status <= 999:
        return Status.BAD_ARGUMENT
    stream.local = LocalResponse(status, pairs, content)
    stream.replied = True
    host.model.cancel_callouts(stream)
    return Status.OK


def http_call(
    host: Host, upstream: int, upstream_size: int, headers: int, headers_size: int, body: int, body_size: int,
    _trailers: int, _trailers_size: int, timeout: int, token_out: int,
) -> Status:  # fmt: skip
    """D4: bad arguments and wrong phases trap. D6: from a root's own callback the worker crashes.

    S1: success says nothing of the target, which is only tried afterwards.
    """
    target = host.read(upstream, upstream_size)
    host.note = (target,)
    if host.step is Step.ROOT_CALL_RESPONSE:
        raise WorkerCrash("a callout from a root context's callout callback")
    if host.step not in (Step.REQUEST_HEADERS, Step.REQUEST_BODY, Step.CALL_RESPONSE, Step.TICK):
        raise GuestTrap("can only send HTTP dispatch during on_request_headers, on_request_body, on_tick, ...")
    if host.execution.stream is not None and host.stream.replied:
        raise GuestTrap("local response already stashed")
    pairs = unpack_pairs(host.read(headers, headers_size))
    if pairs is None:
        raise GuestTrap("dispatch failed: marshalling error")
    content = host.read(body, body_size)
    callout, violations = accept(host.model.next_token(), target, pairs, content, timeout & 0xFFFFFFFF)
    for why in violations:
        host.violation(why)
    host.model.add_callout(callout, host.execution)
    host.write_u32(token_out, callout.token)
    return Status.OK


TABLE: dict[str, Signature] = {
    "proxy_send_local_response": ("iiiiiiii", send_local_response),
    "proxy_http_call": ("iiiiiiiiii", http_call),
}
