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

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
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


def no_signature(draft: Draft) -> str:
    """The signature is left out, and the header says nothing of it."""
    return draft.sign().rpartition(".")[0] + "."


def _mac(draft: Draft, secret: bytes) -> str:
    signed = Draft({**draft.header, "alg": "HS256"}, draft.claims, draft.key).sign().rpartition(".")[0]
    # The library knows a public key by sight and takes it for no secret.
    return f"{signed}.{_encode(hmac.digest(secret, signed.encode(), 'sha256'))}"


def mac_of_pem(draft: Draft) -> str:
    """HS256 with the published key's PEM text as its secret."""
    return _mac(draft, _asymmetric(draft).as_pem(private=False))


def mac_of_der(draft: Draft) -> str:
    """HS256 with the published key's DER bytes."""
    return _mac(draft, _asymmetric(draft).as_der(private=False))


def mac_of_jwk(draft: Draft) -> str:
    """HS256 with the published key's JSON."""
    return _mac(draft, json.dumps(draft.key.public).encode())


def tampered(draft: Draft) -> str:
    """Other claims under a good signature."""
    header, _, signature = draft.sign().split(".")
    return f"{header}.{_encode(json.dumps({**draft.claims, 'sub': 'root'}).encode())}.{signature}"


def flipped(draft: Draft) -> str:
    """One bit of the signature is another."""
    return _with_signature(draft, lambda signature: bytes([signature[0] ^ 1]) + signature[1:])


def zero_signature(draft: Draft) -> str:
    """As many zero bytes as a signature has."""
    return _with_signature(draft, lambda signature: bytes(len(signature)))


def short_signature(draft: Draft) -> str:
    """The last byte of the signature is missing."""
    return _with_signature(draft, lambda signature: signature[:-1])


def long_signature(draft: Draft) -> str:
    """A byte too many."""
    return _with_signature(draft, lambda signature: signature + b"\0")


def der_signature(draft: Draft) -> str:
    """An ECDSA signature in the form of X.509."""
    return _with_signature(draft, _to_der)


def stray_bits(draft: Draft) -> str:
    """A second spelling of the same bytes: the last character has bits that mean nothing."""
    token, alphabet = draft.sign(), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def padded(draft: Draft) -> str:
    """Base64 with padding."""
    return draft.sign() + "=="


def two_parts(draft: Draft) -> str:
    """Header and payload."""
    return draft.sign().rpartition(".")[0]


def four_parts(draft: Draft) -> str:
    """A part too many."""
    return draft.sign() + ".AA"


def header_is_a_list(draft: Draft) -> str:
    """The header is JSON, but no object."""
    return draft.sign(header=json.dumps([draft.header]))


def payload_is_a_list(draft: Draft) -> str:
    """The payload is JSON, but no object."""
    return draft.sign(payload=json.dumps([draft.claims]))


def payload_is_text(draft: Draft) -> str:
    """The payload is no JSON."""
    return draft.sign(payload="sub=alice")


def repeated_algorithm(draft: Draft) -> str:
    """``alg`` twice, first none."""
    return draft.sign(header='{"alg":"none",' + json.dumps(draft.header)[1:])


def repeated_claim(draft: Draft) -> str:
    """``sub`` twice."""
    return draft.sign(payload='{"sub":"root",' + json.dumps(draft.claims)[1:])


def repeated_claim_escaped(draft: Draft) -> str:
    """``sub`` twice, once in another spelling."""
    return draft.sign(payload='{"\\u0073ub":"root",' + json.dumps(draft.claims)[1:])


def repeated_deep_within(draft: Draft) -> str:
    """A member twice in an object within a claim."""
    return draft.sign(payload='{"act":{"sub":"a","sub":"b"},' + json.dumps(draft.claims)[1:])


def encrypted(draft: Draft) -> str:
    """A JWE: the claims, for a key that the filter does not have."""
    header = {"alg": "RSA-OAEP", "enc": "A256GCM", "typ": "at+jwt"}
    return jwe.encrypt_compact(header, json.dumps(draft.claims), _recipient())


def nested(draft: Draft) -> str:
    """A good token within a JWE."""
    header = {"alg": "RSA-OAEP", "enc": "A256GCM", "cty": "JWT"}
    return jwe.encrypt_compact(header, draft.sign(), _recipient())


def names_its_own_key(draft: Draft) -> str:
    """The header brings the public key along."""
    return Draft({**draft.header, "jwk": draft.key.public}, draft.claims, draft.key).sign()


FORGERIES: dict[str, Callable[[Draft], str]] = {
    forgery.__name__.replace("_", "-"): forgery
    for forgery in (
        unsigned, no_signature, mac_of_pem, mac_of_der, mac_of_jwk, tampered, flipped, zero_signature,
        short_signature, long_signature, der_signature, stray_bits, padded, two_parts, four_parts,
        header_is_a_list, payload_is_a_list, payload_is_text, repeated_algorithm, repeated_claim,
        repeated_claim_escaped, repeated_deep_within, encrypted, nested, names_its_own_key,
    )
}  # fmt: skip
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


def _to_der(signature: bytes) -> bytes:
    half = len(signature) // 2
    r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
    return encode_dss_signature(r, s)


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
