"""Request bodies that clients have packed: gzip, as SDKs do for the larger calls of PutMetricData.

They sign what they send, so that a body is unpacked after its signature has been checked. AWS takes
packed bodies where a model says so (the trait requestcompression), which is in CloudWatch only; all
other services get what was sent.
AWS: SDKs and Tools Reference Guide, "Request compression".
"""

from __future__ import annotations

import zlib

from redrive.wire.messages import Request

HEADER = "content-encoding"
SIGNED_FOR = "monitoring"
UNPACKED_BYTES_MAX = 16 * 1_048_576
"""As much as comes unpacked: some kilobytes must not become all memory."""

_GZIP = 16 + zlib.MAX_WBITS


def unpack(request: Request) -> Request:
    """Return a request with its body as the client meant it.

    What is no gzip, or too much, stays as it is, for the protocol to refuse: it is of no form.
    """
    if request.headers.get(HEADER, "").strip().lower() != "gzip":
        return request
    opened = zlib.decompressobj(_GZIP)
    try:
        body = opened.decompress(request.body, UNPACKED_BYTES_MAX)
    except zlib.error:
        return request
    return request._replace(body=body) if opened.eof and not opened.unused_data else request
