"""The model's constraints in AWS's words."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from redrive.wire.bindings import compile_route
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Request
from redrive.wire.overlays import overlay_of
from redrive.wire.validate import compile_pattern

ENDPOINT = Endpoint(("sqs", "lambda", "sts", "iam", "cloudwatch", "logs"))


def refused(method: str, target: str, params: Any) -> tuple[str, str]:
    """The error of a Lambda request."""
    with pytest.raises(Fault) as caught:
        ENDPOINT.read(Request(method, target, {}, orjson.dumps(params)))
    return caught.value.error.code, caught.value.error.message


def refused_by_sqs(operation: str, body: bytes) -> tuple[str, str]:
    with pytest.raises(Fault) as caught:
        ENDPOINT.read(Request("POST", "/", {"x-amz-target": f"AmazonSQS.{operation}"}, body))
    assert caught.value.error.status == 400
    return caught.value.error.code, caught.value.error.message


ALIAS = {"Name": "live", "FunctionVersion": "1"}
NAME = r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)"
LOOK = "failed to satisfy constraint:"


@pytest.mark.parametrize(
    ("method", "target", "params", "message"),
    [
        (
            "POST",
            "/2015-03-31/functions/f/aliases",
            {**ALIAS, "Name": "2024"},
            f"1 validation error detected: Value '2024' at 'name' {LOOK} "
            f"Member must satisfy regular expression pattern: {NAME}",
        ),
        (
            "POST",
            "/2015-03-31/functions/f/aliases",
            {"Name": "!" * 129, "FunctionVersion": "1"},
            f"2 validation errors detected: Value '{'!' * 129}' at 'name' {LOOK} "
            f"Member must satisfy regular expression pattern: {NAME}; "
            f"Value '{'!' * 129}' at 'name' {LOOK} "
            "Member must have length less than or equal to 128",
        ),
        (
            "POST",
            "/2015-03-31/functions/f/aliases",
            {"Name": "live"},
            f"1 validation error detected: Value null at 'functionVersion' {LOOK} "
            "Member must not be null",
        ),
        (
            "POST",
            "/2015-03-31/functions/f/aliases",
            {**ALIAS, "RoutingConfig": {"AdditionalVersionWeights": {"2": 2}}},
            f"1 validation error detected: Value '{{2=2.0}}' at "
            f"'routingConfig.additionalVersionWeights' {LOOK} Map value must satisfy constraint: "
            "[Member must have value less than or equal to 1.0, "
            "Member must have value greater than or equal to 0.0, Member must not be null]",
        ),
        (
            "POST",
            "/2015-03-31/functions/f/aliases",
            {**ALIAS, "RoutingConfig": {"AdditionalVersionWeights": {"$LATEST": 0.5}}},
            f"1 validation error detected: Value '{{$LATEST=0.5}}' at "
            f"'routingConfig.additionalVersionWeights' {LOOK} Map keys must satisfy constraint: "
            "[Member must have length less than or equal to 1024, "
            "Member must have length greater than or equal to 1, "
            "Member must satisfy regular expression pattern: [0-9]+]",
        ),
        (
            "PUT",
            "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=1",
            {"ProvisionedConcurrentExecutions": 0},
            "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' "
            f"{LOOK} Member must have value greater than or equal to 1",
        ),
        (
            "PUT",
            "/2024-08-31/functions/f/recursion-config",
            {"RecursiveLoop": "InvalidValue"},
            f"1 validation error detected: Value 'InvalidValue' at 'recursiveLoop' {LOOK} "
            "Member must satisfy enum value set: [Terminate, Allow]",
        ),
        (
            "PUT",
            "/2015-03-31/functions/f/configuration",
            {"VpcConfig": {"SubnetIds": ["net 1"]}},
            f"1 validation error detected: Value '[net 1]' at 'vpcConfig.subnetIds' {LOOK} "
            "Member must satisfy constraint: [Member must have length less than or equal to 1024, "
            "Member must have length greater than or equal to 0, "
            "Member must satisfy regular expression pattern: subnet-[0-9a-z]*]",
        ),
        (
            "PUT",
            "/2015-03-31/functions/f/code",
            {"Architectures": ["x86_64", "arm64"]},
            f"1 validation error detected: Value '[x86_64, arm64]' at 'architectures' {LOOK} "
            "Member must have length less than or equal to 1",
        ),
        (
            "PUT",
            "/2015-03-31/functions/f/code",
            {"Architectures": ["X86_64"]},
            f"1 validation error detected: Value '[X86_64]' at 'architectures' {LOOK} "
            "Member must satisfy constraint: "
            "[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
        ),
    ],
)
def test_constraints_are_told_as_aws_tells_them(
    method: str, target: str, params: Any, message: str
) -> None:
    """Texts are AWS's own, captured from its replies."""
    assert refused(method, target, params) == ("ValidationException", message)


def test_runtimes_are_the_services_to_judge() -> None:
    """An unknown Runtime passes the wire: AWS has an error and a text of its own for it."""
    incoming = ENDPOINT.read(
        Request("PUT", "/2015-03-31/functions/f/configuration", {}, b'{"Runtime":"PYTHON3.9"}')
    )
    assert incoming.params["Runtime"] == "PYTHON3.9"


def test_members_of_lists_are_numbered() -> None:
    """A violation inside a list of structures names its place from one on."""
    configs = [{"Arn": "x" * 201, "LocalMountPath": "/mnt/a"}]
    _, message = refused(
        "PUT", "/2015-03-31/functions/f/configuration", {"FileSystemConfigs": configs}
    )
    assert "at 'fileSystemConfigs.1.member.arn'" in message


def test_lists_of_structures_are_shown_as_java_shows_them() -> None:
    """A list that is too long shows its structures by name, their members in lower case."""
    arn = "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-" + "0" * 17
    config = {"Arn": arn, "LocalMountPath": "/mnt/a"}
    _, message = refused(
        "PUT", "/2015-03-31/functions/f/configuration", {"FileSystemConfigs": [config, config]}
    )
    assert f"Value '[FileSystemConfig(arn={arn}, localMountPath=/mnt/a, " in message
    assert "=null)]' at 'fileSystemConfigs' failed" in message


def test_secrets_are_not_repeated() -> None:
    """A violation at a sensitive member does not show its value."""
    environment = {"Variables": {"1 bad name": "hunter2"}}
    _, message = refused(
        "PUT", "/2015-03-31/functions/f/configuration", {"Environment": environment}
    )
    assert "hunter2" not in message
    assert "Value at 'environment.variables'" in message


@pytest.mark.parametrize(
    ("operation", "body", "parameter"),
    [
        ("SendMessage", b"", "QueueUrl"),
        ("SendMessage", b"{}", "QueueUrl"),
        ("SendMessage", b'{"QueueUrl":"u"}', "MessageBody"),
        ("SendMessage", b'{"QueueUrl":"u","MessageBody":null}', "MessageBody"),
        ("CreateQueue", b"{}", "QueueName"),
        (
            "SendMessageBatch",
            b'{"QueueUrl":"u","Entries":[{"Id":"1"}]}',
            "SendMessageBatchRequestEntry.1.MessageBody",
        ),
    ],
)
def test_sqs_names_the_first_parameter_missing(operation: str, body: bytes, parameter: str) -> None:
    """SQS tells MissingParameter, for null as for absent."""
    wanted = ("MissingParameter", f"The request must contain the parameter {parameter}.")
    assert refused_by_sqs(operation, body) == wanted


@pytest.mark.parametrize("service", ["sqs", "lambda", "sts", "iam", "cloudwatch", "logs"])
def test_every_pattern_of_the_models_compiles(service: str) -> None:
    """Python understands each; the classes of letters and numbers only come with the underscore."""
    model = ENDPOINT.model(service)
    for name, raw in model._raw.items():
        pattern = raw.get("pattern")
        if pattern is not None:
            compile_pattern(pattern)
            properties = set(re.findall(r"\\[pP]\{.*?\}", pattern))
            if r"\p{L}" in properties:
                assert r"\p{N}" in properties, name
                assert "_" in pattern or r"\p{P}" in properties, name


@pytest.mark.parametrize("service", ["sqs", "lambda", "sts", "iam", "cloudwatch", "logs"])
def test_every_operation_compiles(service: str) -> None:
    """No operation of a served model is beyond the compilers, in any protocol of its service."""
    model = ENDPOINT.model(service)
    for name in model.operation_names:
        for protocol in model.protocols:
            compile_route(model, name, protocol, overlay_of(service), lambda _path: {})


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r"[a-z]+", "abc\n", False),
        (r"\d{2}", "٣٤", False),
        (r"[\w-_]*", "a-b_", True),
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "Größe 1_é/日本", True),
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "a;b", False),
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "a\tb", False),
        (r"[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]+", "a_1 e\u0301€«\U0001f600", True),
        (r"[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]+", "a\u2028b", False),
        (r"[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]+", "a\tb", False),
    ],
)
def test_patterns_mean_what_java_means(pattern: str, text: str, matches: bool) -> None:
    """The whole text must match, digits are ASCII, Unicode's classes are known."""
    assert (compile_pattern(pattern).fullmatch(text) is not None) is matches
