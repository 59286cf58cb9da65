"""Keys of an authorization server, and how it publishes them (RFC 7517)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

Key = RSAKey | ECKey | OKPKey | OctKey
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


@dataclass(frozen=True)
class SigningKey:
    """A key as a scenario describes it. README.md says what each member of the description means."""

    name: str
    alg: str
    key: Key
    at: str = "jwks"
    """The endpoint that publishes it."""
    published: bool = True
    kid: str | None = None
    members: Mapping[str, Any] = field(default_factory=dict)
    """What the published key says beside what it is; None takes a member out."""

    @property
    def public(self) -> dict[str, Any]:
        """The published key. A secret is published whole, as it must not be."""
        private = isinstance(self.key, OctKey)
        known = {**self.key.as_dict(private=private), "kid": self.kid, "alg": self.alg, "use": "sig", **self.members}
        return {name: value for name, value in known.items() if value is not None}


def read(plans: Mapping[str, Mapping[str, Any]]) -> dict[str, SigningKey]:
    """The keys that a scenario describes, by name."""
    return {name: _read(name, **plan) for name, plan in plans.items()}


def _read(
    name: str,
    alg: str = "ES256",
    size: int = 2048,
    secret: str | None = None,
    jwk: Mapping[str, Any] | None = None,
    **rest: Any,
) -> SigningKey:
    key = OctKey.import_key(secret) if secret is not None else generated(alg, size, name)
    return SigningKey(name, alg, key, **{"kid": name, "members": jwk or {}, **rest})


@cache
def generated(alg: str, size: int, name: str) -> Key:
    """A key for an algorithm, the same for one name in all scenarios: making RSA keys takes time."""
    del name
    if alg in CURVES:
        return ECKey.generate_key(CURVES[alg])
    if alg in ("EdDSA", "Ed25519"):
        return OKPKey.generate_key("Ed25519")
    return RSAKey.generate_key(size)
