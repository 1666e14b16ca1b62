"""What the benchmark sends and how it judges: signatures, numbers, crowds, syncs, promises."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from bench.crowd import Answers, describe
from bench.overload import retryable_share
from bench.plan import GROUPS
from bench.report import render
from bench.requests import MARK, numbered, send_fifo_requests, sqs_headers
from bench.servers import Keyed, Narrow, Redrive, Relaxed
from bench.signing import Signer
from bench.stores import SMALL, backlog_name
from bench.targets import targets
from bench.turns import Options, take_turns
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

LARGE = 1_000_000


def test_signatures_are_those_of_botocore() -> None:
    """A signed request is what boto3 would send: the same signed headers, the same signature."""
    body, headers = b'{"QueueUrl": "http://127.0.0.1:1/0/q"}', sqs_headers("SendMessage")
    theirs = AWSRequest("POST", "http://127.0.0.1/", headers=headers, data=body)
    SigV4Auth(Credentials("AKIA", "secret/of+forty"), "sqs", "us-east-1").add_auth(theirs)
    date = theirs.headers["X-Amz-Date"]
    at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = Signer("AKIA", "secret/of+forty").sign("POST", "/", headers, body, "sqs", at)
    assert ours == {"X-Amz-Date": date, "Authorization": theirs.headers["Authorization"]}


@pytest.mark.parametrize("batch", [False, True])
def test_no_fifo_request_is_a_duplicate(batch: bool) -> None:
    """However often a prebuilt request is sent, its deduplication ids are new and it is as long."""
    requests = send_fifo_requests("http://127.0.0.1:1/0/q.fifo", 1_024, 200, 100, batch=batch)
    seen: list[str] = []
    groups: set[str] = set()
    for number, request in enumerate(requests * 2):
        sent = numbered(request, number)
        assert MARK not in sent
        assert len(sent) == len(request)
        body = json.loads(sent.partition(b"\r\n\r\n")[2])
        for entry in body.get("Entries", [body]):
            seen.append(entry["MessageDeduplicationId"])
            groups.add(entry["MessageGroupId"])
    assert len(seen) == len(set(seen)) == 400 * (10 if batch else 1)
    assert len(groups) == 100


REFUSAL = b'{"__type":"com.amazonaws.sqs#ServiceUnavailable","message":"full"}'
HEARD = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"
    + b"x" * 300_000
    + b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    + b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: %d\r\n\r\n%b" % (len(REFUSAL), REFUSAL)
)


@pytest.mark.parametrize("size", [1, 7, 65_536, len(HEARD)])
def test_pipelined_answers_are_counted_one_by_one(size: int) -> None:
    """Answers that come together, or in pieces, are told apart; a refusal by its code."""
    answers = Answers()
    pieces = [HEARD[at : at + size] for at in range(0, len(HEARD), size)]
    found = [kind for piece in pieces for kind in answers.feed(piece)]
    assert found == ["200", "200", "503 ServiceUnavailable"]


def test_what_is_no_answer_is_an_error() -> None:
    """A crowd does not take just any bytes for an answer."""
    with pytest.raises(ValueError, match="not a plain answer"):
        Answers().feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


def test_only_a_503_counts_as_retryable() -> None:
    """Who was closed on, or heard nothing, was not told to come again."""
    crowd = {"clients": {"200": 5, "503 ServiceUnavailable": 3, "closed": 1}}
    assert retryable_share({"a": crowd, "b": {"clients": {"200": 1}}}) == 3 / 4
    assert retryable_share({"b": {"clients": {"200": 1}}}) is None
    assert describe(crowd["clients"]) == "5 x 200, 3 x 503 ServiceUnavailable, 1 x closed"


def test_a_server_that_fails_costs_the_others_nothing() -> None:
    """Servers take turns, and one that raises is left out from then on."""
    calls: list[str] = []

    def measure(server: Any, turn: int) -> dict[str, Any]:
        calls.append(f"{server.name}{turn}")
        if server.name == "b":
            raise RuntimeError("cannot")
        return {"per_second": 10.0 + turn, "latency_ms": {"p50": float(turn)}}

    def named(text: str) -> Any:
        return type("Named", (), {"name": text})()

    found = take_turns("test", [named("a"), named("b")], 3, measure)
    assert calls == ["a0", "b0", "a1", "a2"]
    assert found["a"]["per_second"] == 11
    assert found["a"]["latency_ms"] == {"p50": 1}
    assert found["a"]["turns_per_second"] == [10, 11, 12]


def loop(rate: float, **more: Any) -> dict[str, Any]:
    latency = {"send": {"p50": 1.0, "p99": 2.0, "max": 3.0, "count": 9}}
    cpu = {"server_cpu_us": 33.0, "server_cpu_us_each": 33.0, "generator_cpu_us": 9.0}
    turns = {"per_second": rate, "turns_per_second": [rate]}
    return {**turns, **cpu, "latency_ms": latency, **more}


def run_of_everything() -> dict[str, Any]:
    """Return results in the shape of a run, with the figures of a server that keeps its word."""
    drain = {"receive": {"p50": 1.0, "p99": 2.0}, "delete": {"p50": 1.0, "p99": 2.0}}
    sync = {"p50": 0.25, "p99": 0.75, "max": 3.0, "count": 9}
    lag = {"lag_ms": {"p50": 0.5, "p99": 2.5, "max": 3.0, "count": 9}, "send_ms": sync, "early": 0}
    crowd = {"clients": {"200": 2, "503 X": 1}, "requests": {"200": 2, "503 X": 1}}
    memory = {"offered_mb": 2_800, "heard_mb": 1, "before_mb": 50, "peak_mb": 400, "after_mb": 60}
    reopen = dict.fromkeys(("stopped_s", "killed_s", "cold_s"), 0.8)
    reopen |= dict.fromkeys(("stopped_max_s", "killed_max_s", "cold_max_s", "stopping_s"), 0.9)
    return {
        "sync": {"this disk": {"append": sync, "overwrite": sync}},
        "send @1": {"redrive": loop(2_000)},
        "send @64": {"redrive": loop(46), "bare": loop(100), "ministack": loop(5)},
        "send-batch @64": {"redrive": loop(31), "ministack": loop(10)},
        "drain 2000 @64": {"redrive": loop(160), "ministack": loop(10)},
        "signed @64": {"redrive": loop(2), Keyed.name: loop(1, server_cpu_us=41.0)},
        "relaxed @64": {"redrive": loop(1), Relaxed.name: loop(2)},
        "longpoll": {"redrive": lag},
        "longpoll loaded": {"redrive": {**lag, "load_per_second": 9_000}},
        "backlog": {
            backlog_name(SMALL): loop(100, latency_ms=drain),
            backlog_name(LARGE): loop(95, latency_ms=drain),
        },
        "reopen": {"redrive": {**reopen, "messages": LARGE, "file_mb": 1_500}},
        "overload": {
            Narrow.name: {
                "crowds": {"many": {**crowd, **memory}},
                "per_second_before": 100,
                "per_second_after": 95,
                "faults": 0,
                "retryable": 1.0,
                "peak_mb": 400,
            }
        },
        "patterns 1000": {
            "redrive": {
                "per_second": 60_000,
                "matching": 0.6,
                "strangers_per_second": 300_000,
                "build_s": 0.2,
            }
        },
        "invoke": {
            "redrive": loop(1, latency_ms={"invoke": {"p50": 0.35, "p99": 0.9}}),
            "bare": loop(9, latency_ms={"invoke": {"p50": 0.1, "p99": 0.2}}),
        },
        "cold": {"redrive": {"first_ms": 90, "p50_ms": 9, "max_ms": 20}},
        "cold boto3": {"redrive": {"first_ms": 90, "p50_ms": 24, "max_ms": 30}},
        "latency": {"redrive": {"first_ms": 9, "p50_ms": 1.5, "p99_ms": 3}},
        "mapping": {"redrive": {"first_s": 0.2, "s": 0.05}},
        "idle": {"redrive": {"functions": 1_000, "processes": 1_001, "mb_each": 4.5}},
        "stream 10": {"redrive": {"s": 2, "per_second": 20_000}},
        "stream 100": {"redrive": {"s": 1, "per_second": 30_000}},
        "start": {"redrive": {"healthy_ms": 280, "idle_mb": 40}},
        "up": {"redrive": {"first_s": 3, "up_s": 0.8}},
    }


def test_every_promise_finds_its_figure() -> None:
    """A whole run measures every target, and figures that keep the promises are called met."""
    results = run_of_everything()
    judged = {one.what: one.figure(results) for one in targets(Redrive.name, LARGE)}
    assert [what for what, figure in judged.items() if figure is None] == []
    broken = [
        one.what
        for one in targets(Redrive.name, LARGE)
        if (figure := one.figure(results)) is not None and not one.is_met(figure)
    ]
    assert broken == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("send @64", "redrive", "turns_per_second"), [39]),
        (("send @64", "redrive", "server_cpu_us"), 34.1),
        (("send-batch @64", "redrive", "turns_per_second"), [29]),
        (("drain 2000 @64", "redrive", "turns_per_second"), [149]),
        (("signed @64", Keyed.name, "server_cpu_us"), 42.1),
        (("longpoll", "redrive", "lag_ms", "p99"), 3.0),
        (("longpoll loaded", "redrive", "lag_ms", "p99"), 3.0),
        (("backlog", backlog_name(LARGE), "turns_per_second"), [89]),
        (("reopen", "redrive", "stopped_s"), 1.0),
        (("reopen", "redrive", "killed_s"), 1.0),
        (("overload", Narrow.name, "retryable"), 0.99),
        (("overload", Narrow.name, "per_second_after"), 80),
    ],
)
def test_a_broken_promise_is_told(path: tuple[str, ...], value: Any) -> None:
    """One figure on the wrong side of its limit is enough for NOT MET."""
    results = run_of_everything()
    found = results
    for key in path[:-1]:
        found = found[key]
    found[path[-1]] = value
    assert "NOT MET" not in render(run_of_everything(), Redrive.name, LARGE)
    assert "NOT MET" in render(results, Redrive.name, LARGE)


def test_the_report_says_what_is_not_synced_and_what_one_connection_waits_for() -> None:
    """A relaxed row is labelled, and one connection's rate stands beside the disk's own time."""
    report = render(run_of_everything(), Redrive.name, LARGE)
    assert "NOT SYNCED BEFORE THE REPLY" in report
    assert "redrive, NOT SYNCED" in report
    assert "One connection waits for one sync per request" in report
    assert "0.25 ms (p99 0.75)" in report
    alone = render({"send @64": {"redrive": loop(46)}}, Redrive.name, LARGE)
    assert "NOT SYNCED" not in alone
    assert "not measured" in alone


def test_a_part_can_be_chosen() -> None:
    """`--only` runs the groups that it names; without it everything is run."""
    assert all(Options(peers=()).wants(group) for group in GROUPS)
    chosen = Options(peers=(), only=frozenset(["send"]))
    assert chosen.wants("send", "drain")
    assert not chosen.wants("drain")
