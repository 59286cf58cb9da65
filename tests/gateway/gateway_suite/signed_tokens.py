"""JWT access tokens: those that an authorization server issues, and those that only an attacker makes.

The first are the work of a JOSE library that shares nothing with the filter. It refuses to make the others,
so those are put together here.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwe, jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from .signing_keys import SigningKey, generated

Claims = Mapping[str, Any]


@dataclass(frozen=True)
class Draft:
    """A token about to be signed."""

    header: Mapping[str, Any]
    claims: Claims
    key: SigningKey

    def sign(self, header: str | None = None, payload: str | None = None) -> str:
        """The compact form, whatever header and payload say; the key's own algorithm signs."""
        header = json.dumps(self.header) if header is None else header
        payload = json.dumps(self.claims) if payload is None else payload
        signed = f"{_encode(header.encode())}.{_encode(payload.encode())}"
        return f"{signed}.{_encode(_signature(self.key.alg, signed, self.key.key))}"


def mint(
    claims: Claims,
    key: SigningKey,
    alg: str | None = None,
    header: Mapping[str, Any] | None = None,
    forged: str | None = None,
) -> str:
    """A token with these claims. A header of an attacker's choice, or a forgery, is no work for the library."""
    alg, changes = alg or key.alg, header or {}
    usual = {"alg": alg, "kid": key.kid, "typ": "at+jwt", **changes}
    known = {name: value for name, value in usual.items() if value is not None}
    if forged is not None:
        return FORGERIES[forged](Draft(known, claims, key))
    if set(changes) <= {"typ"} and isinstance(known.get("typ", ""), str):
        return jwt.encode(known, dict(claims), key.key, algorithms=[alg], default_type=None)
    return Draft(known, claims, key).sign()


def unsigned(draft: Draft) -> str:
    """No signature, and a header that says so, in the letter case of ``alg``."""
    name = draft.header["alg"]
    header = {**draft.header, "alg": "none" if name == draft.key.alg else name}
    return Draft(header, draft.claims, draft.key).sign().rpartition(".")[0] + "."


def mac_of_pem(draft: Draft) -> str:
    """HS256 with the published key's PEM text as its secret."""
    signed = Draft({**draft.header, "alg": "HS256"}, draft.claims, draft.key).sign().rpartition(".")[0]
    # The library knows a public key by sight and takes it for no secret.
    return f"{signed}.{_encode(hmac.digest(_asymmetric(draft).as_pem(private=False), signed.encode(), 'sha256'))}"


def tampered(draft: Draft) -> str:
    """Other claims under a good signature."""
    header, _, signature = draft.sign().split(".")
    return f"{header}.{_encode(json.dumps({**draft.claims, 'sub': 'root'}).encode())}.{signature}"


def flipped(draft: Draft) -> str:
    """One bit of the signature is another."""
    return _with_signature(draft, lambda signature: bytes([signature[0] ^ 1]) + signature[1:])


def repeated_deep_within(draft: Draft) -> str:
    """A member twice in an object within a claim."""
    return draft.sign(payload='{"act":{"sub":"a","sub":"b"},' + json.dumps(draft.claims)[1:])


def nested(draft: Draft) -> str:
    """A good token within a JWE."""
    header = {"alg": "RSA-OAEP", "enc": "A256GCM", "cty": "JWT"}
    return jwe.encrypt_compact(header, draft.sign(), _recipient())


FORGERIES: dict[str, Callable[[Draft], str]] = {
    forgery.__name__.replace("_", "-"): forgery
    for forgery in (unsigned, mac_of_pem, tampered, flipped, repeated_deep_within, nested)
}
"""Every forgery by its name in a scenario."""


def _recipient() -> RSAKey:
    recipient = generated("RS256", 2048, "recipient of encrypted tokens")
    if not isinstance(recipient, RSAKey):
        raise TypeError("an RSA key is expected")
    return recipient


def _asymmetric(draft: Draft) -> RSAKey | ECKey | OKPKey:
    if isinstance(draft.key.key, OctKey):
        raise TypeError("a key with a public part is expected")
    return draft.key.key


def _signature(alg: str, text: str, key: Any) -> bytes:
    return JWSRegistry.algorithms[alg].sign(text.encode(), key)


def _with_signature(draft: Draft, change: Callable[[bytes], bytes]) -> str:
    signed = draft.sign().rpartition(".")[0]
    return f"{signed}.{_encode(change(_signature(draft.key.alg, signed, draft.key.key)))}"


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
