"""How an invocation ended, as a `Ran`: closes the environment's log and puts the answer together.

The bodies and lines themselves are in answers.py; here they meet what an environment has measured.
"""

from __future__ import annotations

from redrive.core.effects import Ran, Run
from redrive.core.time import Millis
from redrive.runtime import answers
from redrive.runtime.environment import LiveEnvironment
from redrive.runtime.frames import Frame
from redrive.runtime.lifecycle import Verdict, exit_reason

UNHANDLED = "Unhandled"


def answered(live: LiveEnvironment, run: Run, verdict: Verdict, frame: Frame) -> Ran:
    """Return the outcome of an invocation that the child has answered, well or with an error."""
    error = None if verdict is Verdict.ANSWER else UNHANDLED
    payload = answers.too_large() if verdict is Verdict.ANSWER_TOO_LARGE else frame.payload
    return _close(live, run, verdict.value, payload, frame.duration_us / 1000, error)


def init_failed(live: LiveEnvironment, run: Run, frame: Frame, elapsed_ms: int) -> Ran:
    """Return the outcome of an invocation whose environment could not be made ready, twice."""
    return _close(live, run, "init-error", frame.payload, float(elapsed_ms), UNHANDLED)


def timed_out(live: LiveEnvironment, run: Run, now_ms: Millis) -> Ran:
    """Return the outcome of an invocation that has used up its time."""
    timeout_ms = run.environment.timeout_ms
    live.log.note(answers.timeout_line(run.request_id, timeout_ms, now_ms))
    message = answers.timeout_message(timeout_ms)
    payload = answers.platform_error(answers.TIMED_OUT, run.request_id, message)
    return _close(live, run, "timeout", payload, float(timeout_ms), UNHANDLED)


def exited(live: LiveEnvironment | None, run: Run, status: int, elapsed_ms: int) -> Ran:
    """Return the outcome of an invocation whose process has ended; see `exit_reason` for status."""
    reason = exit_reason(status)
    payload = answers.platform_error(answers.EXIT_ERROR, run.request_id, reason)
    if live is None:
        return Ran(payload, UNHANDLED, "exit")
    live.log.note(answers.exit_line(run.request_id, reason))
    return _close(live, run, "exit", payload, float(elapsed_ms), UNHANDLED)


def refused(run: Run, why: str) -> Ran:
    """Return the outcome of an invocation for which no process could be had."""
    payload = answers.platform_error(answers.INVALID_ENTRYPOINT, run.request_id, why)
    return Ran(payload, UNHANDLED, "init-error")


def _close(
    live: LiveEnvironment,
    run: Run,
    status: str,
    payload: bytes,
    duration_ms: float,
    error: str | None,
) -> Ran:
    init_ms, live.init_ms = live.init_ms, None
    used_mb = live.used_mb()
    lines = answers.report_lines(
        run.request_id,
        duration_ms=duration_ms,
        init_ms=init_ms,
        limit_mb=live.environment.memory_mb,
        used_mb=used_mb,
        status=status,
        error_type=answers.EXIT_ERROR,
    )
    has_streamed = live.line.has_streamed
    if has_streamed and error is None:
        payload = b""
    tail = live.log.end(lines)
    return Ran(payload, error, status, tail, duration_ms, init_ms, used_mb, has_streamed)
