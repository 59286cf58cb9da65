"""Metrics (S10, T3)."""

from __future__ import annotations

import re

from kong_model.abi import GuestTrap, Metric, Status
from kong_model.hostcalls.host import Host, Signature

_NAME_LIMIT = 256
_EXPORTED = re.compile(r"pw:[\w.]+:")


def define(host: Host, kind: int, name: int, name_size: int, number_out: int) -> Status:
    """D4: a name longer than 256 with its prefix traps. T3: a hyphen in the filter's name ends /metrics."""
    text = host.text(name, name_size)
    host.note = (text,)
    if kind not in list(Metric):
        raise GuestTrap("could not define metric: unknown type")
    if 4 + len(host.model.settings.filter_name) + len(text) > _NAME_LIMIT:
        raise GuestTrap("could not define metric: name too long")
    full = f"pw:{host.model.settings.filter_name}:{text}"
    if not _EXPORTED.match(full):
        host.violation("a metric whose filter's name breaks off /metrics")
    metrics = host.model.metrics
    names = list(metrics)
    if full not in metrics:
        metrics[full] = (Metric(kind), 0)
        names.append(full)
    host.write_u32(number_out, names.index(full))
    return Status.OK


def _find(host: Host, number: int) -> str:
    names = list(host.model.metrics)
    if not 0 <= number < len(names):
        raise GuestTrap("metric not found")
    return names[number]


def get(host: Host, number: int, value_out: int) -> Status:
    """D4: reading a histogram traps."""
    kind, value = host.model.metrics[_find(host, number)]
    if kind is Metric.HISTOGRAM:
        raise GuestTrap("could not retrieve metric: metric is a histogram")
    host.write_u64(value_out, value)
    return Status.OK


def record(host: Host, number: int, value: int) -> Status:
    """S10; a counter cannot be recorded (from its source)."""
    name = _find(host, number)
    kind, _ = host.model.metrics[name]
    if kind is Metric.COUNTER:
        raise GuestTrap("could not record value: metric is a counter")
    host.model.metrics[name] = (kind, value)
    return Status.OK


def increment(host: Host, number: int, offset: int) -> Status:
    """S10; only a counter can be incremented (from its source)."""
    name = _find(host, number)
    kind, value = host.model.metrics[name]
    if kind is not Metric.COUNTER:
        raise GuestTrap("could not increment metric: not a counter")
    host.model.metrics[name] = (kind, value + offset)
    return Status.OK


TABLE: dict[str, Signature] = {
    "proxy_define_metric": ("iiii", define),
    "proxy_get_metric": ("ii", get),
    "proxy_record_metric": ("iI", record),
    "proxy_increment_metric": ("iI", increment),
}
