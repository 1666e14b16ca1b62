"""What is owed arrives: retries in virtual time, dead letters, lanes, dead targets, crashes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import apsw
import pytest
from events_world import ACCOUNT, CALLER, REGION, SQL, T0
from owing import SCRIPT, TARGET, Owing, attributes_of, hanging, letter, refusing, taking

from redrive.core.effects import Call, Result, Wait
from redrive.core.errors import ServiceError, Unavailable
from redrive.core.ids import SEQ_BITS
from redrive.core.time import DAY_MS, HOUR_MS, Millis
from redrive.services.delivery import rules
from redrive.services.delivery.courier import CALLS_MAX, TARGET_CALLS_MAX
from redrive.services.ports import (
    EVENTS_RETRY,
    HTTP_TOPICS_RETRY,
    TOPICS_RETRY,
    DeadLetter,
    Retry,
)
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements

BUSY = ServiceError("ThrottlingException", "not now", status=400)
GONE = ServiceError("ResourceNotFoundException", "no such thing", status=404)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Owing]:
    """A world with a dead-letter queue."""
    world = Owing(tmp_path)
    world.queue("dead")
    yield world
    world.close()


def instants(world: Owing) -> list[int]:
    """Return when calls were made, in milliseconds after the first."""
    return [at_ms - world.made[0][0] for at_ms, _name in world.made]


def test_a_call_is_made_once(world: Owing) -> None:
    """What is taken is forgotten, and told."""
    world.owe("a", "b")
    assert [name for _at, name in world.made] == ["a", "b"]
    assert world.owed == 0
    assert world.outcomes() == ["taken", "taken"]
    assert world.told[0]._replace(outcome="taken") == (
        "taken",
        "test",
        "arn:aws:source",
        TARGET,
        1,
        "",
        "",
        "",
    )


def test_a_call_that_is_owed_for_later(world: Owing) -> None:
    """It is made at its instant; what was owed after it is not kept waiting."""
    world.owe("later", due_ms=T0 + 90_000)
    world.owe("now")
    world.owe("past", due_ms=T0 - 5)
    world.pass_s(100)
    assert world.made == [(0, "now"), (0, "past"), (90_000, "later")]


def test_the_ladder_of_events_in_virtual_time(world: Owing) -> None:
    """Each of the 186 attempts of an event is made at its instant, then it is buried, with AWS's
    attributes."""
    world.script = refusing(BUSY)
    world.owe("x", retry=EVENTS_RETRY, dead_letter=letter())
    row = world.count("SELECT id FROM deliveries")
    world.pass_s(DAY_MS // 1_000)
    expected = accumulate(rules.delay_ms(EVENTS_RETRY, n, row) for n in range(1, 186))
    assert instants(world) == [0, *expected]
    (message,) = world.messages("dead")
    assert message["Body"] == "the event"
    assert attributes_of(message) == {
        "RULE_ARN": "arn:aws:events:rule",
        "ERROR_CODE": "THROTTLING",
        "ERROR_MESSAGE": "not now",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "RETRY_ATTEMPTS": "185",
    }
    assert message["MessageAttributes"]["RETRY_ATTEMPTS"]["DataType"] == "Number"
    assert world.outcomes() == ["again"] * 185 + ["buried", "buried-taken"]
    assert [told.attempts for told in world.told[:186]] == list(range(1, 187))
    assert {told.target for told in world.told} == {TARGET}
    assert world.told[-1].queue == letter().queue
    assert world.owed == 0


def test_the_ladder_of_topics_in_virtual_time(world: Owing) -> None:
    """What a topic owes to a queue is tried four times at once, and goes on by its phases."""
    world.script = refusing(BUSY, 20)
    world.owe("x", retry=TOPICS_RETRY)
    world.pass_s(600)
    expected = accumulate(rules.delay_ms(TOPICS_RETRY, n, 0) for n in range(1, 21))
    assert instants(world) == [0, *expected]
    assert instants(world)[:6] == [0, 0, 0, 0, 1_000, 2_000]
    assert world.outcomes()[-1] == "taken"


def test_a_topic_over_http(world: Owing) -> None:
    """Three retries, twenty seconds apart, then it is lost where nothing takes what is dead."""
    world.script = refusing(ServiceError("FetchTimeout", "slow"))
    world.owe("x", retry=HTTP_TOPICS_RETRY)
    world.pass_s(600)
    assert instants(world) == [0, 20_000, 40_000, 60_000]
    assert world.outcomes() == ["again"] * 3 + ["dropped"]
    assert [lost.queue for lost in world.given_up] == [""]


def test_an_event_that_grows_too_old(world: Owing) -> None:
    """No attempt begins after its age, and the dead letter says which limit it was."""
    world.script = refusing(BUSY)
    retry = Retry("events", 185, 60_000)
    world.owe("x", retry=retry, dead_letter=letter())
    row = world.count("SELECT id FROM deliveries")
    world.pass_s(120)
    made = [*accumulate(rules.delay_ms(retry, n, row) for n in range(1, 20))]
    expected = [0, *(at_ms for at_ms in made if at_ms <= 60_000)]
    assert instants(world) == expected
    attributes = attributes_of(world.messages("dead")[0])
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"
    assert attributes["RETRY_ATTEMPTS"] == str(len(expected) - 1)


def test_an_event_whose_server_was_down(world: Owing) -> None:
    """One that grew too old meanwhile is buried without another attempt, with its last error."""
    world.script = refusing(BUSY)
    world.owe("x", retry=Retry("events", 185, 60_000), dead_letter=letter())
    world.now_ms += HOUR_MS
    world.crash()
    assert len(world.made) == 1
    attributes = attributes_of(world.messages("dead")[0])
    assert attributes["ERROR_CODE"] == "THROTTLING"
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"
    assert attributes["RETRY_ATTEMPTS"] == "0"


def test_what_is_final_is_buried_at_once(world: Owing) -> None:
    """A missing resource costs no retry, and no limit is said to have ended it."""
    world.script = refusing(GONE)
    world.owe("x", retry=EVENTS_RETRY, dead_letter=letter())
    assert world.made == [(0, "x")]
    assert attributes_of(world.messages("dead")[0]) == {
        "RULE_ARN": "arn:aws:events:rule",
        "ERROR_CODE": "NO_RESOURCE",
        "ERROR_MESSAGE": "no such thing",
        "RETRY_ATTEMPTS": "0",
    }
    assert [lost.queue for lost in world.given_up] == [letter().queue]


def test_a_dead_letter_queue_that_is_missing(world: Owing) -> None:
    """The dead letter is given up, counted and told; nothing stays behind."""
    world.script = refusing(GONE)
    world.owe("x", retry=EVENTS_RETRY, dead_letter=letter("nowhere"))
    assert world.outcomes() == ["buried", "buried-dropped"]
    assert world.told[-1].code == "NO_RESOURCE"
    assert [bool(lost.queue) for lost in world.given_up] == [True, False]
    assert world.owed == 0


def test_a_dead_letter_queue_that_is_away(world: Owing) -> None:
    """A dead letter is tried again as well, across a crash."""
    world.script = refusing(GONE)
    world.registry.away.add(("sqs", "SendMessage"))
    world.owe("x", retry=EVENTS_RETRY, dead_letter=letter())
    assert world.owed == 1
    world.crash()
    world.pass_s(60)
    assert world.bodies("dead") == ["the event"]


def test_a_dead_letter_outlives_days_without_a_server(world: Owing) -> None:
    """A server that was down for two days buries what it had given up before."""
    world.script = refusing(GONE)
    world.registry.away.add(("sqs", "SendMessage"))
    world.owe("x", retry=EVENTS_RETRY, dead_letter=letter())
    world.now_ms = Millis(world.now_ms + 2 * DAY_MS)
    world.crash()
    assert world.bodies("dead") == ["the event"]


def test_a_dead_letter_of_a_topic(world: Owing) -> None:
    """It has SNS's attributes, as many as a message can have; texts are ones that a queue takes."""
    world.script = refusing(ServiceError("AccessDenied", "no \x1b[31mway\x00", status=403))
    world.owe("x", retry=TOPICS_RETRY, dead_letter=letter()._replace(style="topics"))
    attributes = attributes_of(world.messages("dead")[0])
    assert attributes.pop("RequestID")
    assert attributes == {
        "RULE_ARN": "arn:aws:events:rule",
        "ErrorCode": "403",
        "ErrorMessage": "no \ufffd[31mway\ufffd",
    }
    nine = {f"a{n}": {"DataType": "String", "StringValue": "v"} for n in range(9)}
    full = letter(MessageAttributes=nine)._replace(style="topics")
    world.owe("x", retry=TOPICS_RETRY, dead_letter=full)
    assert set(attributes_of(world.messages("dead")[0])) == {*nine, "RequestID"}


def test_dead_letters_of_a_lane_keep_its_order(world: Owing) -> None:
    """What a FIFO topic gives up goes to a FIFO queue in the order of publishing."""
    queue = world.queue("dead.fifo")
    world.script = refusing(GONE)
    for number in range(5):
        message = {
            "MessageBody": str(number),
            "MessageGroupId": "g",
            "MessageDeduplicationId": str(number),
        }
        dead_letter = DeadLetter(queue, message, "topics")
        world.owe(str(number), retry=TOPICS_RETRY, dead_letter=dead_letter, lane="arn:g")
    assert world.bodies("dead.fifo") == ["0", "1", "2", "3", "4"]


def test_a_server_that_cannot_ask_costs_no_attempt(world: Owing) -> None:
    """A full disk is not the target's fault: the call is made when it has passed."""
    world.script = refusing(Unavailable("full"), 4)
    world.owe("x", retry=Retry("events", 0), dead_letter=letter())
    world.pass_s(60)
    assert instants(world) == [0, 1_000, 3_000, 7_000, 15_000]
    assert world.outcomes() == ["taken"]


def test_a_mark_becomes_the_number_of_the_attempt(world: Owing) -> None:
    """Scheduler's attempt number is that of the attempt."""
    world.script = refusing(BUSY, 2)
    world.owe("try <n>", retry=Retry("events", 185, DAY_MS, None, "<n>"))
    world.pass_s(60)
    assert [name for _at, name in world.made] == ["try 1", "try 2", "try 3"]


# --- crashes -------------------------------------------------------------------------------------


def test_a_crash_costs_a_repetition_and_nothing_else(world: Owing) -> None:
    """What is under way when the process ends is made again; attempts that failed are known."""
    world.script = refusing(BUSY, 3)
    world.owe("x", retry=Retry("events", 3, HOUR_MS))
    world.pass_s(4)
    assert len(world.made) == 3
    world.script = hanging
    world.pass_s(60)
    assert len(world.made) == 4
    world.script = taking
    world.crash()
    assert len(world.made) == 5
    assert world.told[-1].attempts == 4
    assert world.owed == 0


# --- lanes ---------------------------------------------------------------------------------------


def lane_of(world: Owing, lane: str, *names: str, **terms: Any) -> None:
    """Owe calls of a lane, each in a transaction of its own."""
    for name in names:
        world.owe(name, lane=lane, **terms)


def test_a_lane_goes_in_order(world: Owing) -> None:
    """A head that fails is retried before anything of its lane; other lanes do not wait."""
    failing = refusing(BUSY, 3)
    world.script = lambda params: failing(params) if params["Name"] == "a1" else {}
    lane_of(
        world, "arn:a", "a1", "a2", "a3", retry=TOPICS_RETRY._replace(steps=None, ladder="lambda")
    )
    lane_of(world, "arn:b", "b1", "b2")
    world.owe("free")
    world.pass_s(60)
    assert [name for _at, name in world.made] == [
        *("a1", "b1", "b2", "free"),
        *("a1", "a1", "a1", "a2", "a3"),
    ]
    assert [at for at, name in world.made if name == "a2"] == [7_000]


def test_a_lane_goes_in_order_across_crashes(world: Owing) -> None:
    """The order of what is owed outlives the process, in the middle of a call too."""
    world.script = hanging
    lane_of(world, "arn:a", *"abc")
    world.crash()
    world.script = refusing(BUSY, 2)
    world.crash()
    lane_of(world, "arn:a", "d")
    world.pass_s(60)
    assert "".join(name for _at, name in world.made) == "aaaaabcd"
    assert world.owed == 0


def test_a_lane_goes_on_when_its_head_is_given_up(world: Owing) -> None:
    """The head is buried, and the next is made."""
    world.script = lambda params: refusing(GONE)(params) if params["Name"] == "a" else {}
    lane_of(world, "arn:a", "a", "b", retry=TOPICS_RETRY, dead_letter=letter())
    assert [name for _at, name in world.made] == ["a", "b"]
    assert world.bodies("dead") == ["the event"]


def test_a_lane_waits_for_one_that_is_owed_for_later(world: Owing) -> None:
    """Strictly in order means that a later instant holds up what comes behind."""
    world.owe("a", lane="arn:a", due_ms=T0 + 5_000)
    world.owe("b", lane="arn:a")
    world.owe("c", lane="arn:a", due_ms=T0 + 9_000)
    world.pass_s(60)
    assert world.made == [(5_000, "a"), (5_000, "b"), (9_000, "c")]


# --- many ----------------------------------------------------------------------------------------


def test_a_dead_target_delays_no_other(world: Owing) -> None:
    """Fifty calls wait for a target that hangs; one that works takes all of its own at once."""
    world.script = lambda params: hanging(params) if params["Name"] == "slow" else {}
    world.owe(*["slow"] * 300, target="arn:a:slow")
    world.owe(*["quick"] * 300, target="arn:b:quick")
    world.owe(*["quick"] * 300, target="arn:0:quick")
    made = [name for _at, name in world.made]
    assert made.count("slow") == TARGET_CALLS_MAX
    assert made.count("quick") == 600


def test_many_dead_targets_leave_room(world: Owing) -> None:
    """Two hundred dead targets with a backlog each leave room for one that works, and what is under
    way stays bounded."""
    world.script = lambda params: hanging(params) if params["Name"] == "slow" else {}
    for number in range(200):
        world.owe(*["slow"] * 60, target=f"arn:dead:{number}")
    world.owe(*["quick"] * 100, target="arn:works")
    made = [name for _at, name in world.made]
    assert made.count("quick") == 100
    assert made.count("slow") < CALLS_MAX
    assert world.dispatch.waiting <= CALLS_MAX


def test_shares() -> None:
    """A target has fifty places as long as there is room, then fewer, and never none."""
    free = (CALLS_MAX, 2_000, 1_999, 400, 40, 39, 0)
    assert [rules.share_of(each) for each in free] == [50, 50, 49, 10, 1, 1, 1]


def test_more_than_fall_due_at_once(world: Owing) -> None:
    """A burst larger than a look and than a promotion is made whole, at its instant."""
    for _ in range(3):
        world.owe(*[f"{n}" for n in range(1_000)], due_ms=T0 + 1_000)
    world.pass_s(1)
    assert len(world.made) == 3_000
    assert {at for at, _name in world.made} == {1_000}
    assert world.owed == 0


def _fill(world: Owing) -> None:
    """Owe 100,000 calls: half to one target, half to as many targets, most of them later."""
    world.store._connection.execute(
        """
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
        INSERT INTO deliveries (id, target, service, operation, params, blobs, account, region,
            principal, asker, purpose, source, state, due_ms, retry)
        SELECT i, iif(i % 2, 'arn:one', 'arn:many:' || i), 'scripts', 'Do', '{"Name":"x"}', '[]',
            '111111111111', 'r', 'a:b', '', 'test', 's', iif(i % 2, 'ready', 'later'),
            iif(i % 2, 0, :later), '["lambda",null,null,null,""]'
        FROM n
        """,
        {"later": T0 + DAY_MS},
    )


def test_statements_are_indexed(world: Owing) -> None:
    """With 100,000 calls owed, no statement that is run again and again reads more than it needs:
    neither by its plan nor by its steps."""
    _fill(world)
    (path,) = [path for path in SQL if path.stem == "delivery"]
    (statements,) = load_statements([path])
    params = {
        "after": "arn:many:5",
        "target": "arn:one",
        "limit": 60,
        "now_ms": T0,
        "lane": "arn:lane",
        "id": 7,
    }
    connection: apsw.Connection = world.store._connection
    for name in ("next_target", "ready", "next_due", "promote", "by_id", "advance_lane"):
        cursor = connection.cursor()
        plan = " ".join(
            str(row[3])
            for row in cursor.execute(f"EXPLAIN QUERY PLAN {statements.texts[name]}", params)
        )
        assert "SCAN" not in plan.replace("SCAN deliveries USING COVERING INDEX", ""), (name, plan)
        assert "TEMP B-TREE" not in plan, (name, plan)
        steps = 0

        def count() -> bool:
            nonlocal steps
            steps += 1
            return False

        connection.set_progress_handler(count, 1)
        list(connection.execute(statements.texts[name], params))
        connection.set_progress_handler(None)
        assert steps < 1_500, (name, steps)


def test_a_backlog_costs_no_memory(world: Owing) -> None:
    """Of 50,000 calls owed to a target that hangs, fifty are under way."""
    _fill(world)
    world.script = hanging
    world.crash()
    assert len(world.made) == TARGET_CALLS_MAX
    assert world.dispatch.waiting == TARGET_CALLS_MAX


# --- what is in the tables -----------------------------------------------------------------------


def test_rows_of_schema_1_survive(tmp_path: Path) -> None:
    """What an earlier Redrive owed is delivered by this one, by the ladder that it had."""
    (path,) = [path for path in SQL if path.stem == "delivery"]
    (statements,) = load_statements([path])
    old = SqliteStore(
        str(tmp_path / "redrive.db"), [statements._replace(steps=statements.steps[:1], texts={})]
    )
    for number, target in enumerate(["arn:a", "arn:a", "arn:b"]):
        old._connection.execute(
            "INSERT INTO deliveries VALUES (?, ?, 'scripts', 'Do', ?, '[]', ?, ?, 'arn:x', 'test',"
            " 'arn:s', ?, ?, ?)",
            (
                (T0 << SEQ_BITS) + number,
                target,
                f'{{"Name":"{number}"}}',
                ACCOUNT,
                REGION,
                T0 + number * 1_000,
                T0 + HOUR_MS,
                number,
            ),
        )
    old.close()
    script = refusing(BUSY, 3)
    world = Owing(tmp_path, script)
    world.pass_s(60)
    assert sorted((at_ms // 1_000, name) for at_ms, name in world.made) == [
        (0, "0"),
        (1, "0"),
        (1, "1"),
        (2, "2"),
        (3, "0"),
        (3, "1"),
    ]
    assert world.owed == 0
    world.close()


def test_a_reset_forgets_what_is_owed(world: Owing) -> None:
    """What is owed for an account goes with it, also what is under way; another's stays."""
    world.script = hanging
    other = CALLER._replace(account="222222222222")
    world.owe("mine")
    world.owe(call=Call(SCRIPT, "Do", {"Name": "other"}, other), target="arn:other")
    world.call("delivery", "ResetAccount")
    assert world.owed == 1


def test_bytes_and_callers_arrive_as_they_were_put(world: Owing) -> None:
    """A call's bytes come back as bytes, and it is made as whom it was put."""
    seen: list[Any] = []

    def look(params: Any) -> Result | Wait:
        seen.append(dict(params))
        return {}

    world.script = look
    caller = CALLER._replace(region="eu-west-1", principal="events.amazonaws.com", source="arn:r")
    world.owe(call=Call(SCRIPT, "Do", {"Name": "x", "Blob": "ä".encode()}, caller))
    assert seen == [{"Name": "x", "Blob": "ä".encode()}]
    (made,) = world.callers
    assert (made.region, made.principal, made.source) == (
        "eu-west-1",
        "events.amazonaws.com",
        "arn:r",
    )
    assert made.session is None
