"""What the operator of the modelled Kong has set."""

from __future__ import annotations

from dataclasses import dataclass, field

_INJECTED = {
    "nginx_http_proxy_wasm_lua_resolver": "on",
    "nginx_wasm_tls_trusted_certificate": "/etc/ssl/certs/ca-certificates.crt",
    "nginx_wasm_tls_verify_cert": "on",
    "nginx_wasm_tls_verify_host": "on",
}
"""What Kong 3.9 sets by itself, from lua_ssl_trusted_certificate and lua_ssl_verify_depth (K4, K5)."""


@dataclass(frozen=True)
class Settings:
    """The settings of kong.conf that a filter can notice, with Kong's defaults."""

    kong_version: str = "3.9.1"
    """Before 3.6 there are no kong.* properties (Q2)."""
    filter_name: str = "token_exchange"
    """Kong names a filter after its file."""
    shm_kv: dict[str, str] = field(default_factory=dict)
    """nginx_wasm_shm_kv ("*") and nginx_wasm_shm_kv_NAME: size and options, as the operator wrote them (K6, Q1)."""
    environment: dict[str, str] = field(default_factory=dict)
    """The variables that nginx_main_env keeps (Q8); the filter sees no others."""
    client_body_buffer_size: str = "8k"
    """nginx_http_client_body_buffer_size: longer bodies are spilled (Q3)."""
    header_line_limit: int = 8192
    """One buffer of large_client_header_buffers: the longest header line (T4)."""
    header_limit: int = 4 * 8192
    """All buffers of large_client_header_buffers."""
    names: dict[str, str] = field(default_factory=dict)
    """What the resolver knows beside localhost (K5)."""
    trusted_certificate: str | None = None
    """lua_ssl_trusted_certificate: the file that callouts are verified against (K4); None is the system's."""

    configuration: dict[str, str] = field(default_factory=lambda: dict(_INJECTED))
    """What else kong.configuration tells; settings that are lists read as if they were not set (Q1)."""

    @property
    def has_kong_properties(self) -> bool:
        """Whether kong.* properties exist (Q2)."""
        major, minor = (int(part) for part in self.kong_version.split(".")[:2])
        return (major, minor) >= (3, 6)


def parse_size(text: str) -> int:
    """An nginx size: digits, then k or m or nothing."""
    factor = {"k": 1024, "m": 1024 * 1024}.get(text[-1:].lower(), 1)
    return int(text[:-1] if factor > 1 else text) * factor
