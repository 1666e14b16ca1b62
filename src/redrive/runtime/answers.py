"""What the caller and the log read when an invocation has ended: AWS's bodies and lines.

Bodies of handler errors come ready from the child; those here are of the platform itself.
AWS: the error bodies are those that Lambda returned when they were recorded (Runtime.ExitError,
Sandbox.Timedout, Function.ResponseSizeTooLarge); the log lines are those of the Developer Guide,
"Viewing CloudWatch logs for Python Lambda functions".
"""

from __future__ import annotations

import json
import math

from redrive.core.time import SECOND_MS, Millis, iso
from redrive.runtime.frames import RESPONSE_BYTES_MAX

EXIT_ERROR = "Runtime.ExitError"
EXTENSION_CRASH = "Extension.Crash"
INVALID_ENTRYPOINT = "Runtime.InvalidEntrypoint"
TIMED_OUT = "Sandbox.Timedout"


def platform_error(error_type: str, request_id: str, message: str) -> bytes:
    """Return the body of an error of the platform about one request."""
    text = f"RequestId: {request_id} Error: {message}"
    return json.dumps({"errorType": error_type, "errorMessage": text}).encode()


def timeout_message(timeout_ms: Millis) -> str:
    """Return the message of a timeout: seconds with two decimals."""
    return f"Task timed out after {timeout_ms / SECOND_MS:.2f} seconds"


def too_large() -> bytes:
    """Return the body that replaces a response over the limit."""
    message = (
        f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."
    )
    body = {"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"}
    return json.dumps(body).encode()


def start_line(request_id: str, version: str) -> str:
    """Return the line that opens an invocation's log."""
    return f"START RequestId: {request_id} Version: {version}\n"


def report_lines(
    request_id: str,
    *,
    duration_ms: float,
    init_ms: float | None,
    limit_mb: int,
    used_mb: int,
    status: str = "ok",
    error_type: str = "",
) -> str:
    """Return the END and REPORT lines.

    Init Duration is there for the first invocation of an environment, and counts as billed (AWS:
    since August 2025). An invocation that the platform ended has its Status at the end.
    """
    billed = max(1, math.ceil(duration_ms + (init_ms or 0.0)))
    fields = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {duration_ms:.2f} ms",
        f"Billed Duration: {billed} ms",
        f"Memory Size: {limit_mb} MB",
        f"Max Memory Used: {used_mb} MB",
    ]
    if init_ms is not None:
        fields.append(f"Init Duration: {init_ms:.2f} ms")
    if status == "timeout":
        fields.append("Status: timeout")
    elif status in ("exit", "init-error"):
        fields.append(f"Status: error\tError Type: {error_type}")
    return f"END RequestId: {request_id}\n" + "\t".join(fields) + "\t\n"


def timeout_line(request_id: str, timeout_ms: Millis, now_ms: Millis) -> str:
    """Return the line that a timeout leaves in the log."""
    return f"{iso(now_ms)} {request_id} {timeout_message(timeout_ms)}\n"


def exit_line(request_id: str, reason: str) -> str:
    """Return the lines that an exit leaves in the log."""
    return f"RequestId: {request_id} Error: {reason}\n{EXIT_ERROR}\n"


def init_line(version_sentence: str) -> str:
    """Return the line that opens an environment's log."""
    return f"INIT_START Runtime Version: {version_sentence}\n"
