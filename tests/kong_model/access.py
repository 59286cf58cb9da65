"""What Kong's own Lua makes of a request before any filter runs: the guard, Host, and the pool of connections (Q10)."""

from __future__ import annotations

from collections.abc import Sequence

from kong_model.route import Route

_WORD = b"token-exchange-guarded-"
_SCHEMES = {b"http", b"https", b"grpc", b"grpcs"}
_DEFAULT_PORTS = {b"http": 80, b"grpc": 80, b"https": 443, b"grpcs": 443}
_GRPC = {b"grpc", b"grpcs"}


def guarded(scheme: bytes, uri: bytes, guards: Sequence[str]) -> tuple[bytes, bytes]:
    """The scheme and the URI after the functions of the guard have run, each before one of them."""
    for guard in guards:
        if guard == "scheme":
            scheme = _WORD + scheme
        elif guard == "uri":
            uri = b":" + _WORD + uri
        else:
            raise ValueError(f"there is no guard {guard!r}")
    return scheme, uri


def host(route: Route, scheme: bytes, asked: bytes) -> bytes:
    """$upstream_host: the client's where the route preserves it, else with the port that the scheme does not imply."""
    service = route.service
    if route.preserve_host:
        return asked
    name = service.host.encode()
    return name if _DEFAULT_PORTS.get(scheme) == service.port else name + b":%d" % service.port


def authority(scheme: bytes, upstream_host: bytes) -> bytes:
    """What a gRPC upstream gets: Kong sets :authority only for a scheme that it knows."""
    return upstream_host if scheme in _GRPC else b"kong_upstream"


def pool(route: Route, scheme: bytes, upstream_host: bytes) -> str:
    """The name under which connections are kept; only that of https has the upstream's name and the certificate."""
    service = route.service
    parts = [service.address, str(service.port)]
    if scheme == b"https":
        parts += [upstream_host.decode(), *([service.client_certificate] if service.client_certificate else [])]
    return "|".join(parts)


def why_not_proxied(scheme: bytes, uri: bytes) -> str | None:
    """What nginx writes of a proxy_pass that it does not understand; grpc_pass has no URI."""
    if scheme not in _SCHEMES:
        return "invalid URL prefix"
    return "invalid port in upstream" if scheme not in _GRPC and uri.startswith(b":") else None
