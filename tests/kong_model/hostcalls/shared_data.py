"""Shared data. K6: without a zone every one of these calls traps."""

from __future__ import annotations

from kong_model.abi import Status
from kong_model.hostcalls.host import Host, Signature


def get(host: Host, key: int, key_size: int, data_out: int, size_out: int, cas_out: int) -> Status:
    """S6: value and number, or status 1 and number 0."""
    name = host.read(key, key_size)
    host.note = (name,)
    entry = host.model.zones.of(name).get(name)
    host.write_u32(cas_out, entry.cas if entry else 0)
    return host.give(entry.value, data_out, size_out) if entry else Status.NOT_FOUND


def set_(host: Host, key: int, key_size: int, data: int, size: int, cas: int) -> Status:
    """S6: a null pointer deletes, an empty value is stored."""
    name = host.read(key, key_size)
    host.note = (name, size, cas)
    value = host.read(data, size) if data else None
    return host.model.zones.of(name).set(name, value, cas & 0xFFFFFFFF)


TABLE: dict[str, Signature] = {
    "proxy_get_shared_data": ("iiiii", get),
    "proxy_set_shared_data": ("iiiii", set_),
}
