"""Properties."""

from __future__ import annotations

from kong_model import properties
from kong_model.abi import Status
from kong_model.hostcalls.host import Host, Signature


def _path(host: Host, pointer: int, size: int) -> str:
    """A path: its parts are separated by NUL, and may themselves hold dots."""
    path = host.text(pointer, size).replace("\0", ".")
    host.note = (path,)
    return path


def get(host: Host, path: int, path_size: int, data_out: int, size_out: int) -> Status:
    """Q1, Q2, K9."""
    name = _path(host, path, path_size)
    if host.execution.stream is None:
        status, value = properties.read_on_root(name)
        if status is Status.INTERNAL_FAILURE:
            host.log("error", "cannot get host properties outside of a request")
    else:
        status, value = properties.read(name, host.stream, host.step, host.model.settings)
    return host.give(value, data_out, size_out) if status is Status.OK else status


def set_(host: Host, path: int, path_size: int, data: int, size: int) -> Status:
    """D4, K9, M2."""
    name, value = _path(host, path, path_size), host.read(data, size)
    if host.execution.stream is None:
        return properties.write_on_root(name)
    return properties.write(name, value, host.stream)


TABLE: dict[str, Signature] = {"proxy_get_property": ("iiii", get), "proxy_set_property": ("iiii", set_)}
