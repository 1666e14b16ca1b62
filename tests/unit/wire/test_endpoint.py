"""Whatever the bytes: an Incoming or a Fault, and a Fault can always be told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redrive.wire import model as model_module
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Incoming, Request
from redrive.wire.timestamps import EPOCH, ISO, RFC, parse_timestamp, write_timestamp

ENDPOINT = Endpoint()

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["QueueUrl", "Entries", "MessageAttributes", "Id", "Code", "ZipFile"])
            | st.text(max_size=3),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


def json_bytes(value: object) -> bytes:
    return json.dumps(value).encode()


BODIES = st.binary(max_size=80) | JSON.map(json_bytes) | st.from_regex(rb"[A-Za-z.=&%0-9+]{0,60}")
TARGETS = st.sampled_from(
    [
        "/",
        "/?Action=GetCallerIdentity",
        "/2015-03-31/functions",
        "/2015-03-31/functions/f/invocations",
        "/2015-03-31/functions/%ff",
        "/2015-03-31/functions/\udc80",
        "/2015-03-31/functions/f?Qualifier=%ff",
        "/2015-03-31/functions/f?Qualifier=\udc80",
        "/?Action=GetCallerIdentity&X=\udc80",
        "/2015-03-31/functions/?MaxItems=x",
        "/2015-03-31/functions/f/aliases",
        "/?X-Amz-Credential=%ff",
        "?",
        "",
    ]
) | st.text(max_size=30).map(lambda text: "/" + text)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "x-amz-target": st.sampled_from(
            ["AmazonSQS.SendMessage", "AmazonSQS.SendMessageBatch", "AmazonSQS.CreateQueue", "."]
        )
        | st.text(max_size=10),
        "authorization": st.sampled_from(
            ["AWS4-HMAC-SHA256 Credential=1/2/us-east-1/sts/5, SignedHeaders=, Signature="]
        )
        | st.text(max_size=40),
        "content-type": st.just("application/x-www-form-urlencoded") | st.text(max_size=10),
        "x-amz-client-context": st.text(max_size=10),
        "x-amz-invocation-type": st.text(max_size=10),
    },
)


@settings(
    max_examples=400,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    st.builds(
        Request,
        st.sampled_from(["GET", "POST", "PUT", "DELETE"]) | st.text(max_size=5),
        TARGETS,
        HEADERS,
        BODIES,
    )
)
def test_reading_raises_nothing_but_faults(request: Request) -> None:
    """Any request is understood or is a Fault that can be answered with a 4xx."""
    try:
        assert isinstance(ENDPOINT.read(request), Incoming)
    except Fault as fault:
        response = ENDPOINT.fault(fault, fault.error, "rid")
        assert 400 <= response.status < 500


def test_models_are_read_when_first_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signed SQS request reads SQS's model, once, and no other."""
    read: list[str] = []

    def load(service: str, own: Path | None = None) -> model_module.Model:
        read.append(service)
        return model_module.load_model(service, own)

    monkeypatch.setattr("redrive.wire.routing.load_model", load)
    endpoint = Endpoint(("lambda", "sqs", "sts"))
    assert read == []
    scope = "a/20260101/eu-west-1/sqs/aws4_request"
    headers = {
        "x-amz-target": "AmazonSQS.ListQueues",
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=h, Signature=s",
    }
    for _ in range(2):
        endpoint.read(Request("POST", "/", headers, b"{}"))
    assert read == ["sqs"]


def test_a_model_that_nobody_has_is_named() -> None:
    """Asking for a service without a model fails at once and says which."""
    with pytest.raises(FileNotFoundError, match="no-such-service"):
        model_module.load_model("no-such-service")


@pytest.mark.parametrize(
    ("value", "at_ms"),
    [
        (0, 0),
        (1.5, 1500),
        (1_700_000_000.123, 1_700_000_000_123),
        ("1700000000.123", 1_700_000_000_123),
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T01:00:00.250+01:00", 250),
        ("1970-01-01T00:00:01", 1000),
        ("1970-01-01", 0),
        ("Thu, 01 Jan 1970 00:00:02 GMT", 2000),
        ("1e3", None),
        ("", None),
        ("soon", None),
        (True, None),
        (float("nan"), None),
        (1e300, None),
        (None, None),
        ([], None),
    ],
)
def test_timestamps_are_read_in_any_format(value: object, at_ms: int | None) -> None:
    """Numbers of seconds, ISO 8601 and RFC 822 become milliseconds; all else is refused."""
    assert parse_timestamp(value) == at_ms


@pytest.mark.parametrize(
    ("at_ms", "form", "written"),
    [
        (1_000, EPOCH, 1),
        (1_500, EPOCH, 1.5),
        (0, ISO, "1970-01-01T00:00:00Z"),
        (1_700_000_000_120, ISO, "2023-11-14T22:13:20.120Z"),
        (1_700_000_000_120, RFC, "Tue, 14 Nov 2023 22:13:20 GMT"),
    ],
)
def test_timestamps_are_written_in_the_models_format(
    at_ms: int, form: str, written: object
) -> None:
    """Each format says the instant as AWS does, with milliseconds where it has them."""
    found = write_timestamp(at_ms, form)
    assert (found, type(found)) == (written, type(written))
