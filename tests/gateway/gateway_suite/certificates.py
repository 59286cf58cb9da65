"""Certificates for endpoints that speak TLS, made anew for each run."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "localhost"
KINDS = ("trusted", "untrusted", "expired", "wrong-name", "plain")
"""What is at an https endpoint. ``plain`` is no TLS at all."""
DAY = datetime.timedelta(days=1)


class Certificates:
    """A certification authority that gateways trust, one that they do not, and certificates of both."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        trusted, other = _Issuer("trusted"), _Issuer("other")
        self.trust = folder / "trusted.pem"
        """The trusted authority's certificate."""
        self.trust.write_bytes(trusted.pem)
        now = datetime.datetime.now(datetime.UTC)
        later = now + 30 * DAY
        self._contexts = {
            "trusted": self._context("trusted", trusted, HOST, later),
            "untrusted": self._context("untrusted", other, HOST, later),
            "expired": self._context("expired", trusted, HOST, now - DAY),
            "wrong-name": self._context("wrong-name", trusted, "other.example.com", later),
        }

    def context(self, kind: str) -> ssl.SSLContext | None:
        """The TLS side of an endpoint of ``KINDS``."""
        return self._contexts.get(kind)

    def _context(self, kind: str, issuer: _Issuer, host: str, until: datetime.datetime) -> ssl.SSLContext:
        certificate, key = self._folder / f"{kind}.crt", self._folder / f"{kind}.key"
        signed, private = issuer.issue(host, until)
        certificate.write_bytes(signed)
        key.write_bytes(private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context


class _Issuer:
    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"{name} test authority")
        now = datetime.datetime.now(datetime.UTC)
        built = (
            _builder(self._name, self._name, self._key.public_key(), now - 60 * DAY, now + 60 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = built.public_bytes(serialization.Encoding.PEM)

    def issue(self, host: str, until: datetime.datetime) -> tuple[bytes, bytes]:
        """A certificate for a host and its key, both PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        signed = (
            _builder(_name(host), self._name, key.public_key(), until - 31 * DAY, until)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return signed.public_bytes(serialization.Encoding.PEM), private


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    since: datetime.datetime,
    until: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )
