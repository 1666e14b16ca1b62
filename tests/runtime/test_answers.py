"""What a caller gets, for every way in which an invocation can end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redrive.core.effects import Ran

RESPONSE_BYTES_MAX = 6_291_556


def body(ran: Ran) -> Any:
    """Return the payload as a value."""
    return json.loads(ran.payload)


def test_success_and_warm_globals(world):
    """A handler's value is the payload, and the next invocation finds the module as it was left."""
    function = world.function("""
        calls = 0
        def handler(event, context):
            global calls
            calls += 1
            return {"calls": calls, "event": event}
    """)
    first, second = world.run(function, b'{"a": "\xc3\xa9"}'), world.run(function, b"[1]")
    assert (first.error, first.status) == (None, "ok")
    assert body(first) == {"calls": 1, "event": {"a": "é"}}
    assert body(second) == {"calls": 2, "event": [1]}
    assert first.init_ms is not None
    assert second.init_ms is None


def test_nothing_returned_is_null(world):
    """A handler that returns nothing answers null."""
    assert world.run(world.function("def handler(event, context): pass")).payload == b"null"


def test_handler_error(world):
    """An exception becomes AWS's four members; the trace has the function's frames only."""
    function = world.function("""
        def inner():
            raise ValueError("boom")
        def handler(event, context):
            inner()
    """)
    ran = world.run(function)
    assert (ran.error, ran.status) == ("Unhandled", "error")
    told = body(ran)
    assert list(told) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (told["errorMessage"], told["errorType"]) == ("boom", "ValueError")
    assert told["requestId"] == "request-1"
    path = f"{function.code_path}/app.py"
    assert told["stackTrace"] == [
        f'  File "{path}", line 5, in handler\n    inner()\n',
        f'  File "{path}", line 3, in inner\n    raise ValueError("boom")\n',
    ]
    assert b"[ERROR] ValueError: boom\nTraceback (most recent call last):\n" in ran.log_tail


def test_environment_survives_a_handler_error(world):
    """An exception does not cost the environment."""
    function = world.function("""
        import os
        def handler(event, context):
            if event:
                raise KeyError("k")
            return os.getpid()
    """)
    first = world.run(function)
    world.run(function, b'{"fail": true}')
    assert world.run(function).payload == first.payload


@pytest.mark.parametrize(
    ("code", "handler", "kind", "message"),
    [
        (
            "import nowhere_at_all\n",
            "app.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'nowhere_at_all'",
        ),
        (
            "x = 1\n",
            "other.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'other': No module named 'other'",
        ),
        (
            "x = 1\n",
            "app.handler",
            "Runtime.HandlerNotFound",
            "Handler 'handler' missing on module 'app'",
        ),
        (
            "x = 1\n",
            "handler",
            "Runtime.MalformedHandlerName",
            "Bad handler 'handler': not enough values to unpack (expected 2, got 1)",
        ),
        (
            "x = 1\n",
            "sys.exit",
            "Runtime.BuiltInModuleConflict",
            "Cannot use built-in module sys as a handler module",
        ),
        ("raise OSError('no disk')\n", "app.handler", "OSError", "no disk"),
    ],
)
def test_init_errors(world, code, handler, kind, message):
    """An init that fails answers with AWS's type and message, and no request id."""
    ran = world.run(world.function(code, handler=handler))
    assert (ran.error, ran.status) == ("Unhandled", "init-error")
    told = body(ran)
    assert (told["errorType"], told["errorMessage"]) == (kind, message)
    assert told["requestId"] == ""


def test_syntax_error(world):
    """A module that is not Python answers UserCodeSyntaxError with the line."""
    ran = world.run(world.function("def handler(event, context)\n    pass\n"))
    told = body(ran)
    assert told["errorType"] == "Runtime.UserCodeSyntaxError"
    assert told["errorMessage"].startswith("Syntax error in module 'app': ")
    assert "app.py" in told["stackTrace"][0]
    assert "Line 1" in told["stackTrace"][0]


def test_failed_init_is_run_again(world, tmp_path):
    """An init that fails once is run again for the same invocation, which then succeeds."""
    mark = tmp_path / "mark"
    function = world.function(f"""
        import pathlib
        mark = pathlib.Path({str(mark)!r})
        if not mark.exists():
            mark.touch()
            raise RuntimeError("not yet")
        def handler(event, context):
            return "well"
    """)
    assert body(world.run(function)) == "well"


def test_init_that_never_ends_times_out(world):
    """An init that hangs longer than allowed is tried again under the function's own timeout."""
    world.knobs["init_ms"] = 200
    function = world.function("import time\nprint('once')\ntime.sleep(1000)\n", timeout_ms=300)
    told = body(world.run(function))
    assert told["errorType"] == "Sandbox.Timedout"
    assert told["errorMessage"] == "RequestId: request-1 Error: Task timed out after 0.30 seconds"
    assert world.log().count("once\n") == 2


def test_timeout(world):
    """A handler that takes too long is killed at its timeout and answers Sandbox.Timedout."""
    function = world.function(
        """
        import time
        def handler(event, context):
            print("before")
            time.sleep(1000)
        """,
        timeout_ms=1000,
    )
    ran = world.run(function)
    assert (ran.error, ran.status) == ("Unhandled", "timeout")
    assert body(ran) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: request-1 Error: Task timed out after 1.00 seconds",
    }
    assert b"before\n" in ran.log_tail
    assert b"request-1 Task timed out after 1.00 seconds\n" in ran.log_tail
    assert b"Duration: 1000.00 ms" in ran.log_tail


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("sys.exit(0)", "Runtime exited without providing a reason"),
        ("sys.exit()", "Runtime exited without providing a reason"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit('words')", "Runtime exited with error: exit status 1"),
        ("os._exit(127)", "Runtime exited with error: exit status 127"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
        ("os.abort()", "Runtime exited with error: signal: aborted"),
        ("raise KeyboardInterrupt", "Runtime exited with error: exit status 1"),
    ],
)
def test_exit(world, statement, reason):
    """A process that ends meanwhile answers ExitError with how it ended; the next is new."""
    function = world.function(f"""
        import os, sys
        def handler(event, context):
            if event == 1:
                return "well"
            {statement}
    """)
    ran = world.run(function)
    assert (ran.error, ran.status) == ("Unhandled", "exit")
    assert body(ran) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: request-1 Error: {reason}",
    }
    assert reason.encode() in ran.log_tail
    assert body(world.run(function, b"1")) == "well"


def test_exit_while_importing(world):
    """A module that exits is run a second time and then answers ExitError."""
    ran = world.run(world.function("import sys\nprint('once')\nsys.exit(4)\n"))
    message = "RequestId: request-1 Error: Runtime exited with error: exit status 4"
    assert body(ran) == {"errorType": "Runtime.ExitError", "errorMessage": message}
    assert world.log().count("once\n") == 2


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{1, 2}", "Object of type set is not JSON serializable"),
        ("object()", "Object of type object is not JSON serializable"),
    ],
)
def test_marshal_error(world, value, message):
    """A value that JSON cannot say answers Runtime.MarshalError."""
    ran = world.run(world.function(f"def handler(event, context): return {value}"))
    assert body(ran) == {
        "errorMessage": f"Unable to marshal response: {message}",
        "errorType": "Runtime.MarshalError",
        "requestId": "request-1",
        "stackTrace": [],
    }


def test_decimals_are_numbers(world):
    """A Decimal in a response becomes the number that it is, as in Lambda's runtime."""
    function = world.function("""
        from decimal import Decimal
        def handler(event, context):
            return [Decimal("12"), Decimal("1.5"), Decimal("-3")]
    """)
    assert body(world.run(function)) == [12, 1.5, -3]


@pytest.mark.parametrize(
    ("size", "status"),
    [(RESPONSE_BYTES_MAX - 2, "ok"), (RESPONSE_BYTES_MAX - 1, "too-large"), (10**8, "too-large")],
)
def test_response_size(world, size, status):
    """A response may have 6,291,556 bytes and not one more; the environment lives on either way."""
    function = world.function("""
        import os
        def handler(event, context):
            return os.getpid() if event is None else "x" * event
    """)
    pid = world.run(function, b"null").payload
    ran = world.run(function, str(size).encode())
    assert ran.status == status
    if status == "ok":
        assert len(ran.payload) == RESPONSE_BYTES_MAX
    else:
        assert ran.error == "Unhandled"
        assert body(ran) == {
            "errorMessage": "Response payload size exceeded maximum allowed payload size"
            " (6291556 bytes).",
            "errorType": "Function.ResponseSizeTooLarge",
        }
    assert world.run(function, b"null").payload == pid


def test_memory_over_the_limit(world):
    """A handler that uses more memory than it has is killed, as the kernel kills it on Lambda."""
    function = world.function(
        """
        def handler(event, context):
            if event == 1:
                return "well"
            kept = []
            while True:
                kept.append("x" * (1 << 20))
        """,
        memory_mb=128,
    )
    ran = world.run(function)
    message = "RequestId: request-1 Error: Runtime exited with error: signal: killed"
    assert body(ran) == {"errorType": "Runtime.ExitError", "errorMessage": message}
    assert body(world.run(function, b"1")) == "well"


def test_memory_peak_is_found_out_afterwards(world):
    """A peak that is over before anyone looked counts: the process itself tells of it."""
    function = world.function(
        """
        def handler(event, context):
            return len("x" * (200 << 20))
        """,
        memory_mb=128,
    )
    assert world.run(function).status == "exit"


def test_memory_used_is_told(world):
    """Max Memory Used is what the function used at most."""
    function = world.function("def handler(event, context): return len('x' * (100 << 20))")
    assert 100 <= world.run(function).memory_mb <= 200


def test_a_runtime_that_is_not_python(world):
    """A runtime that cannot run here answers with a sentence, and does not wait."""
    ran = world.run(world.function("", runtime="java21"))
    assert body(ran)["errorType"] == "Runtime.InvalidEntrypoint"
    assert "java21" in body(ran)["errorMessage"]


def test_answer_of_a_process_that_ends_at_once(world):
    """However close an answer and its process's end are, one outcome is told and all is freed."""
    function = world.function("""
        import os, threading, time
        def end(pid):
            time.sleep(event_ms / 1000)
            os._exit(1)
        def handler(event, context):
            global event_ms
            event_ms = event
            threading.Thread(target=end, args=(os.getpid(),)).start()
            return "sent"
    """)
    for event_ms in (b"1", b"2", b"3", b"5"):
        ran = world.run(function, event_ms)
        assert ran.payload == b'"sent"' or ran.status == "exit"
        world.reactor.until(lambda: not world.executor.describe()["environments"])
