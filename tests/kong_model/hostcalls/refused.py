"""D4: calls that only trap: shared queues nobody declared, foreign functions, gRPC, closing a stream."""

from __future__ import annotations

from kong_model.abi import GuestTrap, Status
from kong_model.hostcalls.host import Host, Signature


def refused(host: Host, *_arguments: int) -> Status:
    """Traps."""
    raise GuestTrap(f"not available in {host.step.value}")


TABLE: dict[str, Signature] = {
    "proxy_register_shared_queue": ("iii", refused),
    "proxy_resolve_shared_queue": ("iiiii", refused),
    "proxy_enqueue_shared_queue": ("iii", refused),
    "proxy_dequeue_shared_queue": ("iii", refused),
    "proxy_call_foreign_function": ("iiiiii", refused),
    "proxy_close_stream": ("i", refused),
    "proxy_get_status": ("iii", refused),
    "proxy_grpc_call": ("iiiiiiiiiiii", refused),
    "proxy_grpc_stream": ("iiiiiiiii", refused),
    "proxy_grpc_send": ("iiii", refused),
    "proxy_grpc_cancel": ("i", refused),
    "proxy_grpc_close": ("i", refused),
}
