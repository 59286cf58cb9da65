"""Logs, time, ticks, contexts."""

from __future__ import annotations

from kong_model.abi import LOG_LEVELS, GuestTrap, Status, WorkerCrash
from kong_model.hostcalls.host import Host, Signature
from kong_model.step import Step


def log(host: Host, level: int, message: int, size: int) -> Status:
    """S10."""
    if level >= len(LOG_LEVELS):
        return Status.BAD_ARGUMENT
    host.log(LOG_LEVELS[level], host.read(message, size).decode("utf-8", "replace"))
    return Status.OK


def get_log_level(host: Host, pointer: int) -> Status:
    """Everything is logged."""
    host.write_u32(pointer, 0)
    return Status.OK


def get_current_time(host: Host, pointer: int) -> Status:
    """S10: nginx's cached time, in whole milliseconds."""
    host.write_u64(pointer, int(host.model.clock.now() * 1000) * 1_000_000)
    return Status.OK


def set_tick_period(host: Host, period: int) -> Status:
    """D4, Q9: traps outside a root context, and where a period is already set."""
    if host.execution.stream is not None:
        raise GuestTrap("can only set tick_period in root context")
    root = host.execution.root
    if period and root.tick_period:
        raise GuestTrap("tick_period already set")
    root.tick_period = period
    if period and host.step is not Step.VM_START:
        host.log("warn", "ticks multiply with every changed configuration (Q9)")
    return Status.OK


def set_effective_context(_host: Host, _context: int) -> Status:
    """S4: does nothing, and says it did."""
    return Status.OK


def done(_host: Host) -> Status:
    """Never needed here."""
    return Status.OK


def continue_stream(host: Host, _stream_type: int) -> Status:
    """D1, S3: a request resumes by itself; the call changes nothing. D6: from a root context it crashes."""
    if host.execution.stream is None:
        raise WorkerCrash("resume from a root context")
    return Status.OK


TABLE: dict[str, Signature] = {
    "proxy_log": ("iii", log),
    "proxy_get_log_level": ("i", get_log_level),
    "proxy_get_current_time_nanoseconds": ("i", get_current_time),
    "proxy_set_tick_period_milliseconds": ("i", set_tick_period),
    "proxy_set_effective_context": ("i", set_effective_context),
    "proxy_done": ("", done),
    "proxy_continue_stream": ("i", continue_stream),
}
