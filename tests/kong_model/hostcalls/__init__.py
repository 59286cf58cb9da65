"""The hostcalls, by the names the ABI gives them."""

from __future__ import annotations

from kong_model.hostcalls import bodies, common, headers, http, metrics, properties, refused, shared_data
from kong_model.hostcalls.host import Host, Signature

TABLE: dict[str, Signature] = {
    **common.TABLE,
    **headers.TABLE,
    **bodies.TABLE,
    **properties.TABLE,
    **http.TABLE,
    **shared_data.TABLE,
    **metrics.TABLE,
    **refused.TABLE,
}

__all__ = ["TABLE", "Host"]
