"""The load generator reads answers right: it must not take half of one, or two, for one."""

from __future__ import annotations

import json
from array import array

import pytest
from bench.generator import quantiles, receipt_handles
from bench.requests import DeleteBatchBuilder, order_text, send_requests
from bench.responses import ResponseError, ResponseReader

ANSWER = b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\nx-id: 1\r\n\r\n{"a": "bc"}'


@pytest.mark.parametrize("size", range(1, len(ANSWER) + 1))
def test_fragments_make_one_answer(size: int) -> None:
    """However an answer is cut, it is reported once, at its last byte; the next is read too."""
    reader = ResponseReader()
    for _ in range(2):
        pieces = [ANSWER[at : at + size] for at in range(0, len(ANSWER), size)]
        found = [reader.feed(piece) for piece in pieces]
        assert found[:-1] == [None] * (len(pieces) - 1)
        assert found[-1] == (200, b'{"a": "bc"}')


def test_answers_of_other_length_are_read() -> None:
    """A guess from the last answer's form never decides about the next one."""
    reader = ResponseReader()
    other = ANSWER.replace(b"length: 11", b"length: 10").replace(b"200", b"503")[:-1]
    longer = ANSWER.replace(b"x-id: 1", b"x-identity: 1")
    for answer, status, body in (
        (ANSWER, 200, b'{"a": "bc"}'),
        (other, 503, b'{"a": "bc"'),
        (longer, 200, b'{"a": "bc"}'),
        (ANSWER, 200, b'{"a": "bc"}'),
    ):
        assert reader.feed(answer) == (status, body)


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER + b"H",
        ANSWER.replace(b"content-length: 11", b"transfer-encoding: chunked"),
        ANSWER.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
def test_what_is_not_one_plain_answer_is_an_error(answer: bytes) -> None:
    """A second answer, chunks or another version of HTTP stop the run instead of being misread."""
    with pytest.raises(ResponseError):
        ResponseReader().feed(answer)


def test_handles_are_those_of_the_messages() -> None:
    """Receipt handles are found whatever the bodies say, and go into the delete as they came."""
    messages = [
        {"ReceiptHandle": "AQ==", "Body": json.dumps({"ReceiptHandle": "not this"})},
        {"Body": '"ReceiptHandle":"nor this"', "ReceiptHandle": "x/y+z"},
    ]
    body = json.dumps({"Messages": messages}).encode()
    handles = receipt_handles(body)
    assert handles == [b"AQ==", b"x/y+z"]
    request = DeleteBatchBuilder("http://127.0.0.1:1/000000000000/100%").build(handles)
    head, _, sent = request.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(sent)}".encode() in head
    assert json.loads(sent) == {
        "QueueUrl": "http://127.0.0.1:1/000000000000/100%",
        "Entries": [
            {"Id": "0", "ReceiptHandle": "AQ=="},
            {"Id": "1", "ReceiptHandle": "x/y+z"},
        ],
    }


def test_bodies_have_the_size_that_is_measured() -> None:
    """A message body is exactly as long as the report says, and each variant differs."""
    assert {len(order_text(n, 1_024)) for n in range(100)} == {1_024}
    assert len(set(send_requests("http://127.0.0.1:1/0/q", 1_024, 64))) == 64


def test_quantiles_are_those_of_the_values() -> None:
    """p50, p99 and the maximum are in milliseconds and in order."""
    found = quantiles(array("q", [n * 1_000_000 for n in range(101)]))
    assert (found["p50"], found["p99"], found["max"], found["count"]) == (50, 99, 100, 101)
