"""Requests that are really signed (AWS Signature Version 4), before anything is measured.

A signature holds for a quarter of an hour, so whoever uses one builds it just before. A test
compares what comes out with botocore's signer; importing that one would cost each generator half a
second.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

REGION = "us-east-1"
_ALGORITHM = "AWS4-HMAC-SHA256"


class Signer:
    """Signs for one access key."""

    def __init__(self, access_key: str, secret: str) -> None:
        self._access_key = access_key
        self._secret = secret

    def sign(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        service: str,
        at: datetime | None = None,
    ) -> dict[str, str]:
        """Return the X-Amz-Date and Authorization headers of a request to 127.0.0.1.

        `headers` are those to sign besides Host; what else the request carries is unsigned, as the
        retry headers of SDKs are. path: without query, and in need of no escapes.
        AWS: IAM User Guide, "Create a signed AWS API request".
        """
        date = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
        signed = {"host": "127.0.0.1", "x-amz-date": date}
        signed.update((name.lower(), value) for name, value in headers.items())
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        scope = f"{date[:8]}/{REGION}/{service}/aws4_request"
        key = f"AWS4{self._secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = f"{_ALGORITHM}\n{date}\n{scope}\n{hashed}"
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        return {
            "X-Amz-Date": date,
            "Authorization": f"{_ALGORITHM} Credential={self._access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}",
        }
