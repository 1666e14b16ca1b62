"""A log's lines, cap and tail; Lambda's own lines and bodies; the variables."""

from __future__ import annotations

import json

import pytest

from redrive.core.effects import Environment
from redrive.core.keys import Key
from redrive.core.time import Millis
from redrive.runtime import answers
from redrive.runtime.logs import LINE_BYTES_MAX, TAIL_BYTES_MAX, Journal
from redrive.runtime.variables import child_config, function_variables


def test_lines_are_given_on_whole() -> None:
    """A line is given on when it has ended; the rest with the platform's next line."""
    journal = Journal(1000)
    assert journal.write(b"one\ntw") == "one\n"
    assert journal.write(b"o\nthree") == "two\n"
    assert journal.note("END\n") == "three\nEND\n"
    assert journal.tail() == b"one\ntwo\nthree\nEND\n"


def test_a_line_without_an_end_is_given_on_when_it_is_long() -> None:
    """A long line does not wait for its end, and the platform's next line still begins a line."""
    journal = Journal(10**9)
    text = "x" * (LINE_BYTES_MAX + 1)
    assert journal.write(text.encode()) == text
    assert journal.note("END\n") == "\nEND\n"


def test_characters_that_are_cut_in_two() -> None:
    """A character that comes in two pieces is whole; what is none is replaced."""
    journal = Journal(1000)
    assert journal.write(b"\xc3") == ""
    assert journal.write(b"\xa9\n") == "é\n"
    assert journal.write(b"\xff\n") == "\ufffd\n"
    journal.write(b"\xc3")
    assert journal.flush() == "\ufffd"


def test_flood() -> None:
    """What is over the cap is counted and told; the tail is still the end; the next begins anew."""
    journal = Journal(10)
    assert journal.write(b"12345\n") == "12345\n"
    assert not journal.is_flooded
    assert journal.write(b"678\nlost") == "678\n"
    assert journal.is_flooded
    assert journal.write(b" too\n") == ""
    assert journal.note("END\n") == "[redrive] 9 bytes of this log were not kept\nEND\n"
    assert journal.tail() == b"12345\n678\nlost too\nEND\n"
    assert journal.write(b"again\n") == "again\n"


def test_tail() -> None:
    """The tail has at most 4 KiB, since the invocation began."""
    journal = Journal(10**9)
    journal.write(b"before\n")
    journal.begin()
    journal.note("START\n")
    journal.write(b"x" * 10_000)
    journal.write(b"end\n")
    assert len(journal.tail()) == TAIL_BYTES_MAX
    assert journal.tail().endswith(b"xxxend\n")
    journal.begin()
    assert journal.tail() == b""


@pytest.mark.parametrize(
    ("status", "init_ms", "line"),
    [
        ("ok", None, "Duration: 1.25 ms\tBilled Duration: 2 ms\t{memory}"),
        (
            "ok",
            100.5,
            "Duration: 1.25 ms\tBilled Duration: 102 ms\t{memory}\tInit Duration: 100.50 ms",
        ),
        ("timeout", None, "Duration: 1.25 ms\tBilled Duration: 2 ms\t{memory}\tStatus: timeout"),
        (
            "exit",
            None,
            "Duration: 1.25 ms\tBilled Duration: 2 ms\t{memory}"
            "\tStatus: error\tError Type: Runtime.ExitError",
        ),
    ],
)
def test_report(status: str, init_ms: float | None, line: str) -> None:
    """END and REPORT have Lambda's fields, in its order, between tabs."""
    memory = "Memory Size: 128 MB\tMax Memory Used: 40 MB"
    assert (
        answers.report_lines(
            "r",
            duration_ms=1.25,
            init_ms=init_ms,
            limit_mb=128,
            used_mb=40,
            status=status,
            error_type=answers.EXIT_ERROR,
        )
        == "END RequestId: r\nREPORT RequestId: r\t" + line.format(memory=memory) + "\t\n"
    )


@pytest.mark.parametrize(("timeout", "text"), [(1000, "1.00"), (900_000, "900.00"), (1500, "1.50")])
def test_timeout_message(timeout: int, text: str) -> None:
    """Seconds have two decimals."""
    message = answers.timeout_message(Millis(timeout))
    assert message == f"Task timed out after {text} seconds"
    body = json.loads(answers.platform_error(answers.TIMED_OUT, "r", message))
    assert body == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: r Error: Task timed out after {text} seconds",
    }


def place(**variables: str) -> Environment:
    """Return an environment with variables of the user's."""
    return Environment(
        function_arn="arn:f",
        function_name="f",
        version="3",
        revision="1",
        runtime="python3.12",
        handler="app.handler",
        code_path="/code",
        timeout_ms=Millis(3000),
        memory_mb=128,
        account="123456789012",
        region="eu-west-1",
        variables=tuple(variables.items()),
    )


def variables(**users: str) -> dict[str, str]:
    """Return the variables that a function gets."""
    return function_variables(
        place(**users),
        endpoint_url="http://127.0.0.1:4566",
        stream="s",
        inherited={"PATH": "/bin", "SECRET": "x", "HTTP_PROXY": "y"},
        runtime_dir="/runtime",
    )


def test_variables() -> None:
    """AWS's list is there, the machine's basics, and nothing else of the server's."""
    assert variables() == {
        "PATH": "/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONUNBUFFERED": "1",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_ACCESS_KEY_ID": "123456789012",
        "AWS_SECRET_ACCESS_KEY": "redrive",
        "AWS_SESSION_TOKEN": "redrive",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "3",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_LAMBDA_LOG_STREAM_NAME": "s",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "LAMBDA_TASK_ROOT": "/code",
        "LAMBDA_RUNTIME_DIR": "/runtime",
        "_HANDLER": "app.handler",
    }


def test_users_variables() -> None:
    """The user's are added and may replace TZ and the endpoint, but none that AWS reserves."""
    given = variables(TZ="Europe/Oslo", AWS_ENDPOINT_URL="https://x", AWS_REGION="z", MINE="1")
    assert (given["TZ"], given["AWS_ENDPOINT_URL"]) == ("Europe/Oslo", "https://x")
    assert (given["AWS_REGION"], given["MINE"]) == ("eu-west-1", "1")


def test_lent_keys() -> None:
    """Where functions have to sign, they are lent the key of their account."""
    given = function_variables(
        place(),
        endpoint_url="http://127.0.0.1:4566",
        stream="s",
        inherited={},
        runtime_dir="/runtime",
        lend=lambda account: Key("ASIA", f"secret of {account}", account, token="token"),
    )
    assert given["AWS_ACCESS_KEY_ID"] == "ASIA"
    assert given["AWS_SECRET_ACCESS_KEY"] == "secret of 123456789012"
    assert given["AWS_SESSION_TOKEN"] == "token"


def test_child_config() -> None:
    """The code comes first on the path, then the layers."""
    config = child_config(place(), variables={}, folders=("/layer",), stream="s")
    assert config["paths"] == ["/code", "/layer"]
    assert config["log_group"] == "/aws/lambda/f"
