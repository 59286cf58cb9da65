"""Which callback runs."""

from __future__ import annotations

from enum import Enum


class Step(Enum):
    """The callbacks of the ABI, as far as the host's rules tell them apart."""

    CREATE = "on_context_create"
    VM_START = "on_vm_start"
    CONFIGURE = "on_configure"
    TICK = "on_tick"
    ROOT_CALL_RESPONSE = "root on_http_call_response"
    REQUEST_HEADERS = "on_http_request_headers"
    REQUEST_BODY = "on_http_request_body"
    CALL_RESPONSE = "on_http_call_response"
    RESPONSE_HEADERS = "on_http_response_headers"
    RESPONSE_BODY = "on_http_response_body"
    LOG = "on_log"
    DONE = "on_done"
    DELETE = "on_delete"


ON_ROOT = {Step.VM_START, Step.CONFIGURE, Step.TICK, Step.ROOT_CALL_RESPONSE}
IN_REQUEST = {Step.REQUEST_HEADERS, Step.REQUEST_BODY, Step.CALL_RESPONSE}
IN_RESPONSE = {Step.RESPONSE_HEADERS, Step.RESPONSE_BODY, Step.LOG, Step.DONE}
