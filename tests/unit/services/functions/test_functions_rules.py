"""The functions service's pure decisions, as tables."""

from __future__ import annotations

import base64
import json

import pytest
from functions_rig import ACCOUNT
from stand_ins import REGION, caller

from redrive.core.errors import ServiceError
from redrive.core.time import HOUR_MS
from redrive.services.functions import event_rules, rules
from redrive.services.functions.model import AsyncEvent, Target
from redrive.services.functions.names import parse_function_name
from redrive.services.functions.payloads import check_payload, decode_client_context
from redrive.services.functions.policy import is_allowed, make_statement

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders"


@pytest.mark.parametrize(
    ("text", "qualifier", "expected"),
    [
        ("orders", None, (ACCOUNT, "orders", None)),
        ("orders:$LATEST", None, (ACCOUNT, "orders", "$LATEST")),
        ("orders:live", None, (ACCOUNT, "orders", "live")),
        ("orders", "7", (ACCOUNT, "orders", "7")),
        ("orders:7", "7", (ACCOUNT, "orders", "7")),
        ("function:orders", None, (ACCOUNT, "orders", None)),
        ("123456789012:function:orders", None, ("123456789012", "orders", None)),
        ("123456789012:function:orders:live", None, ("123456789012", "orders", "live")),
        (ARN, None, (ACCOUNT, "orders", None)),
        (f"{ARN}:$LATEST", None, (ACCOUNT, "orders", "$LATEST")),
        ("a" * 64, None, (ACCOUNT, "a" * 64, None)),
    ],
)
def test_name_forms(
    text: str, qualifier: str | None, expected: tuple[str, str, str | None]
) -> None:
    """Every form of a function name means what AWS says that it means."""
    account, name, want = expected
    assert parse_function_name(text, caller(), qualifier) == Target(account, REGION, name, want)


@pytest.mark.parametrize(
    ("text", "qualifier", "code", "message"),
    [
        (
            ARN.replace(REGION, "eu-west-1"),
            None,
            "ResourceNotFoundException",
            "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
        ),
        (
            "orders:1",
            "2",
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        ),
        (
            "invalid:function:name",
            None,
            "ValidationException",
            "1 validation error detected: Value 'invalid:function:name' at 'functionName' failed "
            "to satisfy constraint: Member must satisfy regular expression pattern: "
            "(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?"
            "(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?",
        ),
        (
            "a" * 65,
            None,
            "InvalidParameterValueException",
            f"1 validation error detected: Value '{'a' * 65}' at 'functionName' failed to satisfy "
            "constraint: Member must have length less than or equal to 64",
        ),
    ],
)
def test_names_refused(text: str, qualifier: str | None, code: str, message: str) -> None:
    """A function name that means nothing here is refused in AWS's words."""
    with pytest.raises(ServiceError) as refused:
        parse_function_name(text, caller(), qualifier)
    assert (refused.value.code, refused.value.message) == (code, message)


def test_python_runtimes_pass() -> None:
    """Every Python that AWS serves, and the newest, is accepted."""
    for minor in range(8, 15):
        rules.check_runtime(f"python3.{minor}")


@pytest.mark.parametrize(
    ("runtime", "message"),
    [
        ("python3.7", "The runtime parameter of python3.7 is no longer supported for creating or"),
        ("go1.x", "The runtime parameter of go1.x is no longer supported for creating or updating"),
        (
            "java21",
            "The runtime parameter of java21 is not supported by this server, which",
        ),
        (
            "PYTHON3.9",
            "Value PYTHON3.9 at 'runtime' failed to satisfy constraint: Member must satisfy",
        ),
        (
            "node",
            "enum value set: [nodejs20.x, python3.14, provided.al2023, python3.12, python3.13,",
        ),
        ("node", "dotnet6, nodejs18.x, provided.al2, java8.al2] or be a valid ARN"),
    ],
)
def test_runtimes_refused(runtime: str, message: str) -> None:
    """Retired, foreign and unknown runtimes are told apart."""
    with pytest.raises(ServiceError) as refused:
        rules.check_runtime(runtime)
    assert refused.value.code == "InvalidParameterValueException"
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("sizes", "member", "rule"),
    [
        ((901, 128, 512), "timeout", "less than or equal to 900"),
        ((0, 128, 512), "timeout", "greater than or equal to 1"),
        ((3, 10_241, 512), "memorySize", "less than or equal to 10240"),
        ((3, 127, 512), "memorySize", "greater than or equal to 128"),
        ((3, 128, 10_241), "ephemeralStorage.size", "less than or equal to 10240"),
    ],
)
def test_sizes_refused(sizes: tuple[int, int, int], member: str, rule: str) -> None:
    """Quotas that are narrower than the model's ranges hold."""
    with pytest.raises(ServiceError) as refused:
        rules.check_sizes(*sizes)
    assert f"at '{member}'" in refused.value.message
    assert refused.value.message.endswith(rule)
    rules.check_sizes(900, 10_240, 10_240)
    rules.check_sizes(1, 128, 512)


def test_variables() -> None:
    """Reserved names and more than 4 KB of variables are refused, up to 4 KB is kept in order."""
    prefix = (
        "Lambda was unable to configure your environment variables because the environment "
        "variables you have provided "
    )
    with pytest.raises(ServiceError) as refused:
        rules.check_variables({"TABLE": "t", "AWS_REGION": "x", "_HANDLER": "y"})
    assert refused.value.message == (
        f"{prefix}contains reserved keys that are currently not supported for modification. "
        "Reserved keys used in this request: AWS_REGION, _HANDLER"
    )
    assert refused.value.extra == {"Type": "User"}
    fits = "x" * (4_096 - len('{"V":""}'))
    assert json.loads(rules.check_variables({"V": fits})) == {"V": fits}
    with pytest.raises(ServiceError) as refused:
        rules.check_variables({"V": fits + "x"})
    assert refused.value.message == (
        f'{prefix}exceeded the 4KB limit. String measured: {{"V":"{fits}x"}}'
    )
    assert list(json.loads(rules.check_variables({"b": "1", "a": "2"}))) == ["b", "a"]


def test_tag_limit() -> None:
    """A function has at most fifty tags, counted after the merge."""
    fifty = {str(number): "" for number in range(50)}
    assert rules.merge_tags(fifty, {"0": "new"})["0"] == "new"
    with pytest.raises(ServiceError, match=r"Number of tags exceeds resource tag limit\."):
        rules.merge_tags(fifty, {"50": ""})


@pytest.mark.parametrize(
    ("reserved", "running", "pool_limit", "pool_running", "reason"),
    [
        (None, 5, 10, 9, None),
        (None, 5, 10, 10, "ConcurrentInvocationLimitExceeded"),
        (2, 1, 10, 10, None),
        (2, 2, 10, 0, "ReservedFunctionConcurrentInvocationLimitExceeded"),
        (2, 3, 10, 0, "ReservedFunctionConcurrentInvocationLimitExceeded"),
        (0, 0, 10, 0, "ReservedFunctionConcurrentInvocationLimitExceeded"),
    ],
)
def test_admission(
    reserved: int | None, running: int, pool_limit: int, pool_running: int, reason: str | None
) -> None:
    """A reservation is both a guarantee and a ceiling; without one the pool decides."""
    assert rules.admit(reserved, running, pool_limit, pool_running) == reason


def test_reservation_leaves_the_floor() -> None:
    """What is reserved in all leaves a hundred unreserved."""
    rules.check_reserved(400, 500, 1_000, 100)
    with pytest.raises(ServiceError) as refused:
        rules.check_reserved(401, 500, 1_000, 100)
    assert refused.value.message == (
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100]."
    )


def event(attempt: int = 0, throttles: int = 0) -> AsyncEvent:
    """An event that arrived at 0, and adds nothing to a pause."""
    return AsyncEvent(0, ARN, b"{}", "r", 0, 0, attempt, throttles)


@pytest.mark.parametrize(
    ("before", "outcome", "now_ms", "after"),
    [
        (event(), "success", 5, event_rules.Over(None)),
        (event(), "function-error", 1_000, event_rules.Again(61_000, 1, 0)),
        (event(1), "function-error", 61_000, event_rules.Again(181_000, 2, 0)),
        (event(2), "function-error", 181_000, event_rules.Over("RetriesExhausted")),
        (event(), "throttled", 0, event_rules.Again(1_000, 0, 1)),
        (event(0, 3), "throttled", 10_000, event_rules.Again(18_000, 0, 4)),
        (event(0, 60), "throttled", 0, event_rules.Again(300_000, 0, 61)),
        (event(1, 1), "unavailable", 0, event_rules.Again(2_000, 1, 2)),
        (event(0, 2), "function-error", 0, event_rules.Again(60_000, 1, 0)),
        (event(0, 9), "throttled", 6 * HOUR_MS, event_rules.Over("EventAgeExceeded")),
        (event(0, 9), "throttled", 6 * HOUR_MS - 300_000, event_rules.Again(6 * HOUR_MS, 0, 10)),
    ],
)
def test_event_settlement(
    before: AsyncEvent,
    outcome: event_rules.Outcome,
    now_ms: int,
    after: event_rules.Again | event_rules.Over,
) -> None:
    """Errors are retried after one and two minutes, throttles with back-off, for at most six
    hours."""
    assert event_rules.settle_event(before, outcome, now_ms) == after


_EXPECTED = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_BRACE = f"Unexpected character ('}}' (code 125)): expected a valid value {_EXPECTED}"
_CONTROL = f"Unexpected character ((CTRL-CHAR, code 153)): expected a valid value {_EXPECTED}"


@pytest.mark.parametrize(
    ("payload", "trouble", "line", "column"),
    [
        (b"n\x87\xb2", "Invalid UTF-8 start byte 0x87", 1, 3),
        (b"\x99\xeb", _CONTROL, 1, 1),
        (b"hello", f"Unrecognized token 'hello': was expecting {_EXPECTED}", 1, 6),
        (b"<a>", f"Unexpected character ('<' (code 60)): expected a valid value {_EXPECTED}", 1, 1),
        (b'{"a":', "Unexpected end-of-input", 1, 6),
        (b'{\n"a": }', _BRACE, 2, 6),
        ('{"\u00e9": }'.encode(), _BRACE, 1, 8),
        (b" \n", "No content to map due to end-of-input", 2, 1),
    ],
)
def test_unparseable_payloads(payload: bytes, trouble: str, line: int, column: int) -> None:
    """A payload that is not JSON is refused with the place of its first fault."""
    with pytest.raises(ServiceError) as refused:
        check_payload(payload, "RequestResponse")
    assert refused.value.code == "InvalidRequestContentException"
    assert refused.value.message == (
        f"Could not parse request body into json: Could not parse payload into json: {trouble}\n"
        " at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); "
        f"line: {line}, column: {column}]"
    )


@pytest.mark.parametrize(
    ("invocation_type", "limit"), [("RequestResponse", 6_291_456), ("Event", 1_048_576)]
)
def test_payload_limits(invocation_type: str, limit: int) -> None:
    """6 MB synchronously, 1 MB asynchronously; one byte more is refused with 413."""
    fits = b'"' + b"x" * (limit - 2) + b'"'
    assert check_payload(fits, invocation_type) is fits
    with pytest.raises(ServiceError) as refused:
        check_payload(fits + b" ", invocation_type)
    assert (refused.value.code, refused.value.status) == ("RequestTooLargeException", 413)
    assert refused.value.message == (
        f"{limit + 1} byte payload is too large for the {invocation_type} invocation type "
        f"(limit {limit} bytes)"
    )


def test_empty_payload_is_an_empty_object() -> None:
    """Nothing at all is the event {}."""
    assert check_payload(None, "RequestResponse") == check_payload(b"", "Event") == b"{}"


def test_client_context() -> None:
    """A client context is base64 of a JSON object of at most 3,583 bytes."""
    good = base64.b64encode(b'{"client":{}}').decode()
    assert decode_client_context(good) == b'{"client":{}}'
    assert decode_client_context(None) is None
    for bad in ("%%%", base64.b64encode(b"[1]").decode(), base64.b64encode(b"{").decode()):
        with pytest.raises(ServiceError, match="must be a valid Base64-encoded JSON object"):
            decode_client_context(bad)
    with pytest.raises(ServiceError, match="at most 3583 bytes, was 3584"):
        decode_client_context("e" * 3_584)


def statement(principal: str, **members: object) -> object:
    """A statement that allows a principal to invoke."""
    given = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": principal}
    return make_statement({**given, **members}, ARN)


OTHER = "222222222222"


@pytest.mark.parametrize(
    ("made", "account", "action", "facts", "allowed"),
    [
        (statement(OTHER), OTHER, "lambda:InvokeFunction", {}, True),
        (statement(OTHER), "333333333333", "lambda:InvokeFunction", {}, False),
        (statement(OTHER), OTHER, "lambda:GetFunction", {}, False),
        (statement(OTHER, Action="lambda:*"), OTHER, "lambda:GetFunction", {}, True),
        (statement("*"), OTHER, "lambda:InvokeFunction", {}, True),
        (statement(f"arn:aws:iam::{OTHER}:root"), OTHER, "lambda:InvokeFunction", {}, True),
        (statement(f"arn:aws:iam::{OTHER}:role/x"), OTHER, "lambda:InvokeFunction", {}, False),
        (statement("events.amazonaws.com"), OTHER, "lambda:InvokeFunction", {}, False),
        (statement("*", SourceArn="arn:aws:sns:*:1:t"), OTHER, "lambda:InvokeFunction", {}, False),
        (
            statement("*", SourceArn="arn:aws:sns:*:1:t"),
            OTHER,
            "lambda:InvokeFunction",
            {"aws:sourcearn": "arn:aws:sns:us-east-1:1:t"},
            True,
        ),
        (
            statement("*", SourceAccount=OTHER),
            OTHER,
            "lambda:InvokeFunction",
            {"aws:sourceaccount": "333333333333"},
            False,
        ),
    ],
)
def test_policy(
    made: dict[str, object], account: str, action: str, facts: dict[str, str], allowed: bool
) -> None:
    """A statement allows its principal its action where its conditions are met, and nobody else."""
    assert is_allowed([made], caller(account), action, facts) is allowed


def test_invalid_principals() -> None:
    """What is no account, service, ARN of an identity or * is no principal."""
    for principal in ("nobody", "1234", "arn:aws:s3:::bucket"):
        with pytest.raises(ServiceError, match="The provided principal was invalid"):
            statement(principal)
