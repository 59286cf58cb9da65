"""Routes, services and filters: the part of a declarative configuration that matters here."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Filter:
    """One entry of a filter chain: its configuration, as the JSON text that on_configure gets (K8)."""

    configuration: bytes = b"{}"


@dataclass(frozen=True)
class Service:
    """The upstream."""

    scheme: str = "http"
    host: str = "127.0.0.1"
    port: int = 80
    address: str = "127.0.0.1"
    """What the host resolves to."""
    client_certificate: str = ""
    """The id of the certificate that Kong presents; none where empty."""

    @property
    def is_grpc(self) -> bool:
        """Whether it speaks gRPC."""
        return self.scheme in ("grpc", "grpcs")


@dataclass(frozen=True)
class Route:
    """A route with the filters of its service first, then its own (Q7)."""

    path: bytes = b"/"
    filters: tuple[Filter, ...] = field(default_factory=lambda: (Filter(),))
    service: Service = field(default_factory=Service)
    name: str = "route"
    buffered: bool = False
    """Whether a plugin on this route turns on buffered proxying (Q5 c)."""
    guards: tuple[str, ...] = ()
    """The lines of the route's post-function, each before the "scheme" or before the "uri" (Q10)."""
    preserve_host: bool = False
