"""The key that notifications are signed with, and its certificate.

Made once for a data directory, when it is first needed, and kept as a row: what was signed before a
restart is verified after it. The certificate signs itself; clients that insist on a host of
amazonaws.com have to be told another one.
AWS: SNS Developer Guide, "Verifying the signatures of Amazon SNS messages": RSA, PKCS #1 v1.5,
with SHA-1 for version 1 and SHA-256 for version 2.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from cryptography.x509.oid import NameOID

from redrive.core.time import SECOND_MS
from redrive.services.topics.model import Key

_KEY_BITS = 2_048
_VALID_DAYS = 36_500
_HASHES = {"1": hashes.SHA1(), "2": hashes.SHA256()}


def make_key(now_ms: int) -> Key:
    """Make a key and a certificate that is valid from a day before now on."""
    private = rsa.generate_private_key(public_exponent=65_537, key_size=_KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.fromtimestamp(now_ms / SECOND_MS, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_VALID_DAYS))
        .sign(private, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    return Key(
        sha256(certificate).hexdigest()[:32],
        private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        certificate,
    )


class Signer:
    """Signs with one key."""

    def __init__(self, key: Key) -> None:
        private = load_der_private_key(key.private_key, None)
        assert isinstance(private, rsa.RSAPrivateKey)
        self._private = private
        self.id = key.id
        self.certificate = key.certificate

    def sign(self, text: bytes, version: str) -> str:
        """Return the signature of a text in base64; version: of SNS's signatures, 1 or 2."""
        raw = self._private.sign(text, padding.PKCS1v15(), _HASHES[version])
        return b64encode(raw).decode("ascii")
