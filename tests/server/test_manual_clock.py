"""A clock that stands still until it is moved: functions really run, and no test waits for time."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from clock_rig import TEMPLATE, write_template
from live import LiveServer, request

from redrive.cli.client import Client, Place
from redrive.core.keys import Key
from redrive.core.time import HOUR_MS, SECOND_MS
from redrive.shell import manual
from redrive.testing import Refusal, RunningStack, serving

Up = Callable[..., RunningStack]


@pytest.fixture
def stack(redrive_up: Up, tmp_path: Path) -> RunningStack:
    """The rig's template, up."""
    return redrive_up(write_template(tmp_path / "shop"))


def happened(stack: RunningStack, kind: str) -> list[dict[str, Any]]:
    """Return the live events of a kind."""
    return [event for event in stack.events() if event["Kind"] == kind]


def test_a_failing_message_is_buried_when_its_time_has_come(stack: RunningStack) -> None:
    """Three receives, thirty seconds apart, and the dead-letter queue: in ten minutes of nobody's
    time.
    """
    before = stack.now
    sent = stack.send("Orders", "bad")
    went = stack.advance("10m")
    assert went.now == before + timedelta(minutes=10) == stack.now
    assert (went.invocations, went.functions) == (3, {"Worker": 3})
    at_ms = [event["AtMs"] for event in happened(stack, "invocation")]
    assert [each - at_ms[0] for each in at_ms] == [0, 30 * SECOND_MS, 60 * SECOND_MS]
    (buried,) = happened(stack, "buried")
    assert (buried["Detail"]["MessageId"], buried["AtMs"] - at_ms[0]) == (sent, 90 * SECOND_MS)
    assert (stack.depth("Orders"), stack.depth("Dead")) == (0, 1)
    (message,) = stack.messages("Dead")
    assert (message["MessageId"], message["Body"]) == (sent, "bad")


def test_what_is_due_in_between_happens_in_order(stack: RunningStack) -> None:
    """Delayed messages come by when they are due, not by when they were sent."""
    start = stack.now
    for seconds in (300, 20, 100):
        stack.send("Orders", f"after {seconds}", DelaySeconds=seconds)
    assert stack.settle().invocations == 0
    assert stack.advance("19s").invocations == 0
    assert stack.advance("1s").invocations == 1
    assert stack.advance_to(start + timedelta(seconds=300)).invocations == 2
    said = [line.split()[2] for line in stack.logs("Worker").splitlines() if "got after" in line]
    assert said == ["20", "100", "300"]


def test_functions_take_real_time_and_none_of_the_clock(stack: RunningStack) -> None:
    """A function that hangs is ended after its own second, while the clock stands."""
    before = stack.now
    stack.send("Orders", "hang")
    went = stack.settle()
    assert (went.now, went.invocations) == (before, 1)
    assert "Task timed out after 1.00 seconds" in stack.logs("Worker")
    assert "got hang True" in stack.logs("Worker")
    (ended,) = happened(stack, "invocation")
    assert ended["Detail"]["Status"] == "timeout"
    assert stack.advance("29s").invocations == 0
    assert stack.advance("1s").invocations == 1


def test_a_wait_of_a_function_ends_in_real_time(redrive_up: Up, tmp_path: Path) -> None:
    """It would keep the clock from going on, and the clock it from ending."""
    template = TEMPLATE.replace("Timeout: 1", "Timeout: 20").replace("ASIDE:", "WAIT: 1, ASIDE:")
    stack = redrive_up(write_template(tmp_path / "shop", template))
    before = stack.now
    stack.send("Orders", "look")
    assert stack.settle().now == before
    assert "found 0" in stack.logs("Worker")
    assert stack.receive("Aside", WaitTimeSeconds=1) == []
    assert stack.now == before


def test_a_clock_that_does_not_come_to_rest_is_told(
    stack: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that feeds its own queue keeps the clock where it is, and the answer says so."""
    monkeypatch.setattr(manual, "RUNS_MAX", 20)
    before = stack.now
    stack.send("Orders", "again")
    with pytest.raises(Refusal, match=r"does not come to rest.*ran 2\d times.*is fed from"):
        stack.advance("1h")
    assert stack.now == before


def test_lambda_retries_an_event_when_the_clock_says_so(redrive_up: Up, tmp_path: Path) -> None:
    """An asynchronous event that fails is tried again after one minute and after two more."""
    code = "def handler(event, context):\n    raise ValueError('no')\n"
    stack = redrive_up(write_template(tmp_path / "shop", code=code))
    client = stack.client("lambda")
    name = stack.function_name("Worker")
    client.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    assert stack.advance("1h").functions == {"Worker": 3}
    at_ms = [event["AtMs"] for event in happened(stack, "invocation")]
    assert at_ms[1] - at_ms[0] == 60 * SECOND_MS
    assert at_ms[2] - at_ms[1] == 120 * SECOND_MS


def test_a_schedule_runs_its_function_each_hour(redrive_up: Up, tmp_path: Path) -> None:
    """A day is 24 runs, each at its hour, in order."""
    stack = redrive_up(write_template(tmp_path / "shop"), start="2030-01-01T00:00Z")
    account = "000000000000"
    name = stack.function_name("Worker")
    stack.client("scheduler").create_schedule(
        Name="hourly",
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": f"arn:aws:lambda:us-east-1:{account}:function:{name}",
            "RoleArn": f"arn:aws:iam::{account}:role/scheduler",
        },
    )
    assert stack.advance("1d").functions == {"Worker": 24}
    start_ms = int(stack.now.timestamp() - 86_400) * SECOND_MS
    at_ms = [event["AtMs"] for event in happened(stack, "invocation")]
    assert at_ms == [start_ms + hour * HOUR_MS for hour in range(1, 25)]


def test_logs_are_there_and_dated_by_the_clock(redrive_up: Up, tmp_path: Path) -> None:
    """What a function wrote can be read at once, and CloudWatch dates it by the clock."""
    stack = redrive_up(write_template(tmp_path / "shop"), start="2031-05-06T07:00Z")
    stack.send("Orders", "hello")
    stack.settle()
    name = stack.function_name("Worker")
    logs = stack.client("logs")
    found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="hello")
    stamp_ms = int(stack.now.timestamp()) * SECOND_MS
    assert [event["timestamp"] for event in found["events"]] == [stamp_ms]
    assert stack.now.isoformat() == "2031-05-06T07:00:00+00:00"


# --- the server's own side ------------------------------------------------------------------------


class Own:
    """A server in a process of its own."""

    def __init__(self, folder: Path, *flags: str) -> None:
        folder.mkdir(exist_ok=True)
        self.server = LiveServer(folder, *flags)
        assert self.server.port, self.server.text

    def post(self, asked: Any, **headers: str | None) -> tuple[int, Any]:
        """Ask for a change of the clock."""
        body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
        answer = self.server.ask(request(target="/_redrive/clock", body=body, headers=headers))
        return answer.status, json.loads(answer.body)

    def get(self) -> Any:
        """Return what the clock is at."""
        answer = self.server.ask(request(method="GET", target="/_redrive/clock"))
        assert answer.status == 200
        return json.loads(answer.body)


@pytest.fixture
def own(folder: Path) -> Iterator[Own]:
    """A server with a manual clock."""
    found = Own(folder, "--clock", "manual", "--clock-start", "2030-01-01T00:00Z")
    yield found
    found.server.close()


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    """One for all tests that do not get it to move."""
    folder = tmp_path_factory.mktemp("steady")
    found = Own(folder, "--clock", "manual", "--clock-start", "2030-01-01T00:00Z")
    yield found
    found.server.close()


def test_the_clock_shows_where_it_is_and_what_is_next(own: Own) -> None:
    """GET tells it, and so does the health page."""
    shown = own.get()
    assert (shown["clock"], shown["now"]) == ("manual", "2030-01-01T00:00:00.000Z")
    assert shown["next"] > shown["now"]
    assert own.server.health()["clock"]["now"] == shown["now"]
    status, told = own.post({"to": "2030-01-01T02:00Z"})
    assert status == 200
    assert told["now"] == "2030-01-01T02:00:00.000Z" == own.get()["now"]
    assert (told["invocations"], told["functions"]) == (0, {})
    assert own.post({"advance": 90})[1]["now"] == "2030-01-01T02:01:30.000Z"


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (b"", "say {"),
        (b"6h", "say {"),
        (b"[]", "say {"),
        ({}, "say {"),
        ({"advance": "6h", "to": "2031-01-01"}, "say {"),
        ({"stop": 1}, "say {"),
        ({"wind": "6h"}, "say {"),
        ({"advance": "6x"}, "'6x' is not a length of time"),
        ({"advance": -1}, "-1 is not a length of time"),
        ({"to": "soon"}, "'soon' is not an instant"),
        ({"to": "2029-12-31T23:59Z"}, "has passed: the clock shows 2030-01-01T00:00:00.000Z"),
        ({"advance": "999999999d"}, "ends with the year 2199"),
    ],
)
def test_what_cannot_be_asked_is_said(steady: Own, asked: Any, text: str) -> None:
    """The answer says what is wrong; the clock stays where it is."""
    status, told = steady.post(asked)
    assert (status, text in told["message"]) == (400, True), told
    assert steady.get()["now"] == "2030-01-01T00:00:00.000Z"


def test_the_machines_clock_is_not_moved(server: LiveServer) -> None:
    """Without --clock manual it is refused, and how to get one is said."""
    answer = server.ask(request(target="/_redrive/clock", body=b'{"advance":"6h"}'))
    assert answer.status == 409
    assert b"--clock manual" in answer.body
    answer = server.ask(request(method="GET", target="/_redrive/clock"))
    assert json.loads(answer.body)["clock"] == "system"


def test_another_site_may_not_move_it(steady: Own) -> None:
    """The guard stands before it as before all else."""
    assert steady.post({"advance": "6h"}, Host="evil.example")[0] == 403
    assert steady.post({"advance": "6h"}, Origin="http://evil.example")[0] == 403
    assert steady.get()["now"] == "2030-01-01T00:00:00.000Z"


def test_with_keys_a_change_is_signed(folder: Path) -> None:
    """As a reset is."""
    keys = folder / "keys.toml"
    secret = "a-secret-of-some-length"
    keys.write_text(f'[AKIA0001]\nsecret = "{secret}"\naccount = "111122223333"\n')
    keys.chmod(0o600)
    own = Own(folder, "--clock", "manual", "--keys-file", str(keys))
    try:
        assert own.post({"advance": "6h"})[0] == 403
        key = Key("AKIA0001", secret, "111122223333")
        place = Place(f"http://127.0.0.1:{own.server.port}", key.account, "us-east-1", key)
        with closing(Client(place)) as client:
            assert client.change_clock(advance="1m")["invocations"] == 0
    finally:
        own.server.close()


def test_a_long_advance_serves_others_and_can_be_stopped(own: Own) -> None:
    """Ten years of it: requests are answered meanwhile, another advance is refused, a stop ends it
    where it is, and a client that has gone changes nothing.
    """
    queue = own.server.call("CreateQueue", QueueName="q")["QueueUrl"]
    with own.server.wire() as gone:
        gone.send(request(target="/_redrive/clock", body=b'{"advance":"1000d"}'))
        while "advancing" not in own.get():
            pass
    with own.server.wire() as wire:
        status, told = own.post({"advance": "1s"})
        assert (status, "is being advanced" in told["message"]) == (409, True)
        own.server.call("SendMessage", QueueUrl=queue, MessageBody="meanwhile")
        assert own.server.call("ReceiveMessage", QueueUrl=queue)["Messages"]
        assert own.post({"stop": True})[0] == 200
        assert "advancing" not in own.get()
        wire.send(request(target="/_redrive/clock", body=b'{"advance":"3650d"}'))
        while "advancing" not in own.get():
            pass
        own.post({"stop": True})
        answer = wire.answer()
    assert answer is not None
    told = json.loads(answer.body)
    assert (answer.status, told["stopped"]) == (200, True)
    assert "2030-01-01" < told["now"] < "2040"
    assert own.server.health()["faults"] == 0


def test_the_end_of_the_server_ends_an_advance(own: Own) -> None:
    """SIGTERM drains: the advance is answered, and the exit code is 0."""
    with own.server.wire() as wire:
        wire.send(request(target="/_redrive/clock", body=b'{"advance":"3650d"}'))
        while "advancing" not in own.get():
            pass
        own.server.signal(signal.SIGTERM)
        answer = wire.answer()
        assert answer is not None
        assert json.loads(answer.body)["stopped"] is True
    assert own.server.wait() == 0


def test_the_clock_is_not_behind_what_was_written(folder: Path) -> None:
    """A restart goes on from the latest instant that was committed, whatever the start says."""
    own = Own(folder, "--clock", "manual")
    own.server.call("CreateQueue", QueueName="q")
    first = own.post({"advance": "90m"})[1]["now"]
    own.server.signal(signal.SIGTERM)
    assert own.server.wait() == 0
    own.server.close()
    again = Own(folder, "--clock", "manual", "--clock-start", "2020-01-01")
    try:
        shown = again.get()["now"]
        assert first[:16] <= shown[:16]
    finally:
        again.server.close()


def test_serving_has_an_advance() -> None:
    """`redrive.testing.serving` with --clock manual gives it to a test."""
    with serving("--clock", "manual") as server:
        with closing(Client(Place(server.url, "000000000000", "us-east-1"))) as client:
            before = client.clock()["now"]
            went = server.advance(timedelta(hours=1, milliseconds=5))
            assert client.clock()["now"] != before
        assert went.instants > 0
    with serving() as server, pytest.raises(Refusal, match="--clock manual"):
        server.advance("1h")


def test_a_server_inside_costs_two_threads(stack: RunningStack) -> None:
    """All of a server is in one thread of this program, beside the one for jobs."""
    names = {thread.name for thread in threading.enumerate()}
    assert stack.advance("6h").instants > 1_000
    assert {thread.name for thread in threading.enumerate()} == names
