"""Composite alarms: the grammar of rules, states from children, cycles, suppressed actions."""

from __future__ import annotations

import json

import pytest
from alarms_rig import (
    arn,
    history,
    mail,
    minute,
    put,
    refused,
    sample,
    set_state,
    shown,
    state,
    topic,
)
from events_world import World

from redrive.core.errors import ServiceError
from redrive.services.alarms.alarm_rules import is_met, names_in, parse_rule

STATES = {"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA", "d (x) AND y": "ALARM"}


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("ALARM(a)", True),
        ('ALARM("a")', True),
        ("ALARM( a )", True),
        ("alarm(a) and ok(b)", True),
        ("ALARM(b)", False),
        ("OK(b) AND INSUFFICIENT_DATA(c)", True),
        ("NOT ALARM(a)", False),
        ("NOT NOT ALARM(a)", True),
        ("ALARM(b) OR ALARM(c) OR ALARM(a)", True),
        ("ALARM(a) OR ALARM(b) AND ALARM(c)", True),
        ("(ALARM(a) OR ALARM(b)) AND ALARM(c)", False),
        ("NOT (ALARM(b) OR ALARM(c)) AND TRUE", True),
        ("TRUE", True),
        ("FALSE", False),
        ("((FALSE))", False),
        ("ALARM(none) OR OK(none) OR INSUFFICIENT_DATA(none)", False),
        ('ALARM("d (x) AND y")', True),
        ("ALARM(arn:aws:cloudwatch:us-east-1:000000000000:alarm:a)", True),
        ("ALARM(a)AND(OK(b))", True),
    ],
)
def test_rules(text: str, met: bool) -> None:
    """What a rule means, with these alarms."""
    assert is_met(parse_rule(text), STATES.get) is met  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "ALARM",
        "ALARM()",
        'ALARM("")',
        "ALARM(a",
        "ALARM(a) ALARM(b)",
        "ALARM(a) AND",
        "AND ALARM(a)",
        "(ALARM(a)",
        "ALARM(a))",
        "MAYBE(a)",
        "ALARM(a) XOR ALARM(b)",
        "NOT",
        "()",
        "(" * 200 + "TRUE" + ")" * 200,
        "NOT " * 2_000 + "TRUE",
        " OR ".join(["TRUE"] * 501),
        " OR ".join(f"ALARM(a{n})" for n in range(101)),
    ],
)
def test_what_is_no_rule(text: str) -> None:
    """It is refused, however deep or long it is."""
    with pytest.raises(ServiceError, match="AlarmRule is not valid"):
        parse_rule(text)


def test_names_stand_once() -> None:
    """In the order of the rule; an ARN is its alarm's name."""
    rule = parse_rule(f'ALARM(b) OR OK("{arn("a")}") OR NOT ALARM(b)')
    assert names_in(rule) == ["b", "a"]


def compose(world: World, rule: str, name: str = "both", **params: object) -> None:
    """Put a composite alarm."""
    world.call("cloudwatch", "PutCompositeAlarm", AlarmName=name, AlarmRule=rule, **params)


def test_it_follows_its_children_at_once(world: World) -> None:
    """Created, in ALARM, OK again; with the reason, the data and the message of AWS."""
    alerts = topic(world)
    put(world, "a")
    put(world, "b")
    compose(world, "ALARM(a) AND NOT ALARM(b)", AlarmActions=[alerts], AlarmDescription="why")
    assert state(world, "both") == "OK"
    assert shown(world, "both")["StateReason"] == (
        f"{arn('both')} was created and its alarm rule evaluates to OK"
    )
    world.pass_s(5)
    set_state(world, "ALARM", "a")
    assert state(world, "both") == "ALARM"
    told = shown(world, "both")
    assert told["StateReason"] == (
        f"{arn('a')} transitioned to ALARM at Friday 15 January, 2027 08:00:05 UTC"
    )
    triggering = {
        "arn": arn("a"),
        "state": {"value": "ALARM", "timestamp": "2027-01-15T08:00:05.000+0000"},
    }
    assert json.loads(told["StateReasonData"]) == {"triggeringAlarms": [triggering]}
    ((subject, message),) = mail(world)
    assert subject == 'ALARM: "both" in US East (N. Virginia)'
    assert message["AlarmRule"] == "ALARM(a) AND NOT ALARM(b)"
    assert message["TriggeringChildren"] == [
        {
            "Arn": arn("a"),
            "State": {"Value": "ALARM", "Timestamp": "2027-01-15T08:00:05.000+0000"},
        }
    ]
    assert "Trigger" not in message
    set_state(world, "ALARM", "b")
    assert state(world, "both") == "OK"
    assert history(world, "both")[1:] == [
        "Alarm updated from OK to ALARM",
        "Alarm updated from ALARM to OK",
    ]


def test_composites_of_composites(world: World) -> None:
    """A change goes up as far as it changes something."""
    put(world, "a")
    for name, rule in (("one", "ALARM(a)"), ("two", "ALARM(one)"), ("three", "NOT ALARM(two)")):
        compose(world, rule, name)
    set_state(world, "ALARM", "a")
    assert [state(world, name) for name in ("one", "two", "three")] == ["ALARM", "ALARM", "OK"]


def test_a_cycle_is_not_evaluated_and_can_be_broken(world: World) -> None:
    """Two alarms that depend on each other stay; a rule without the cycle brings them back."""
    compose(world, "FALSE", "x")
    compose(world, "NOT ALARM(x)", "y")
    compose(world, "ALARM(y)", "x")
    world.pass_s(60)
    assert (state(world, "x"), state(world, "y")) == ("OK", "ALARM")
    code, said = refused(world, "DeleteAlarms", AlarmNames=["x"])
    assert (code, "depending on it" in said) == ("ValidationError", True)
    compose(world, "FALSE", "x")
    world.call("cloudwatch", "DeleteAlarms", AlarmNames=["y"])
    world.call("cloudwatch", "DeleteAlarms", AlarmNames=["x"])


def test_a_rule_that_is_changed_is_evaluated(world: World) -> None:
    """And says so."""
    put(world, "a")
    compose(world, "ALARM(a)")
    world.pass_s(1)
    compose(world, "TRUE")
    assert state(world, "both") == "ALARM"
    assert shown(world, "both")["StateReason"] == (
        f"{arn('both')} was updated and its alarm rule evaluates to ALARM"
    )


def test_refusals(world: World) -> None:
    """Alarms that there are not, half a suppressor, another kind of alarm."""
    put(world, "a")

    def put_bad(**params: object) -> str:
        code, said = refused(
            world, "PutCompositeAlarm", **{"AlarmName": "both", "AlarmRule": "ALARM(a)", **params}
        )
        assert code == "ValidationError"
        return said

    assert put_bad(AlarmRule="ALARM(no) OR OK(none)") == (
        "Could not save the composite alarm as alarms [no, none] in the alarm rule do not exist"
    )
    assert "ActionsSuppressorWaitPeriod" in put_bad(ActionsSuppressor="a")
    assert "ActionsSuppressorExtensionPeriod" in put_bad(
        ActionsSuppressor="a", ActionsSuppressorWaitPeriod=1
    )
    assert "ActionsSuppressor" in put_bad(ActionsSuppressorWaitPeriod=1)
    periods = {"ActionsSuppressorWaitPeriod": 1, "ActionsSuppressorExtensionPeriod": 1}
    assert "none" in put_bad(ActionsSuppressor="none", **periods)
    assert "exists already" in put_bad(AlarmName="a")
    compose(world, "ALARM(a)", "one")
    compose(world, "ALARM(a)", "two")
    code, said = refused(world, "DeleteAlarms", AlarmNames=["one", "two"])
    assert (code, said) == (
        "ValidationError",
        "Only one composite alarm can be deleted per request.",
    )


# --- suppression ------------------------------------------------------------------------------


@pytest.fixture
def guarded(world: World) -> World:
    """A composite alarm of a, whose actions wait 60 s for the alarm mute, and 120 s after it."""
    alerts = topic(world)
    put(world, "a", TreatMissingData="ignore")
    put(world, "mute", TreatMissingData="ignore")
    compose(
        world,
        "ALARM(a)",
        AlarmActions=[alerts],
        OKActions=[alerts],
        ActionsSuppressor=arn("mute"),
        ActionsSuppressorWaitPeriod=60,
        ActionsSuppressorExtensionPeriod=120,
    )
    set_state(world, "OK", "mute")
    set_state(world, "OK", "a")
    mail(world)
    return world


def subjects(world: World) -> list[str]:
    """The new states of which the topic was told."""
    return [subject.split(":")[0] for subject, _message in mail(world)]


def test_actions_wait_for_the_suppressor(guarded: World) -> None:
    """It does not come: they are told when the wait is over."""
    set_state(guarded, "ALARM", "a")
    told = shown(guarded, "both")
    assert (told["StateValue"], told["ActionsSuppressedBy"]) == ("ALARM", "WaitPeriod")
    assert told["ActionsSuppressedReason"] == "Actions suppressed by WaitPeriod"
    guarded.pass_s(59)
    assert subjects(guarded) == []
    guarded.pass_s(1)
    assert subjects(guarded) == ["ALARM"]
    assert "ActionsSuppressedBy" not in shown(guarded, "both")
    set_state(guarded, "OK", "a")
    assert subjects(guarded) == ["OK"]


def test_an_alarm_that_ends_within_the_wait_is_not_told(guarded: World) -> None:
    """Neither that it went off, nor that it is over."""
    set_state(guarded, "ALARM", "a")
    guarded.pass_s(30)
    set_state(guarded, "OK", "a")
    guarded.pass_s(600)
    assert subjects(guarded) == []


def test_the_suppressor_comes_and_goes(guarded: World) -> None:
    """Kept back while it is in ALARM, and for the extension after it; then told."""
    set_state(guarded, "ALARM", "a")
    guarded.pass_s(30)
    set_state(guarded, "ALARM", "mute")
    assert shown(guarded, "both")["ActionsSuppressedBy"] == "Alarm"
    guarded.pass_s(600)
    assert subjects(guarded) == []
    set_state(guarded, "OK", "mute")
    assert shown(guarded, "both")["ActionsSuppressedBy"] == "ExtensionPeriod"
    guarded.pass_s(119)
    assert subjects(guarded) == []
    guarded.crash()
    guarded.pass_s(1)
    assert subjects(guarded) == ["ALARM"]


def test_what_happens_under_the_suppressor_is_never_told(guarded: World) -> None:
    """ALARM and OK again while it is on: nothing has changed for those who are told."""
    set_state(guarded, "ALARM", "mute")
    set_state(guarded, "ALARM", "a")
    guarded.pass_s(10)
    set_state(guarded, "OK", "a")
    set_state(guarded, "OK", "mute")
    guarded.pass_s(600)
    assert subjects(guarded) == []
    assert history(guarded, "both")[-2:] == [
        "Alarm updated from OK to ALARM",
        "Alarm updated from ALARM to OK",
    ]


def test_a_metric_alarm_moves_its_parents(world: World) -> None:
    """Evaluation of figures, not only SetAlarmState."""
    put(world, "a")
    compose(world, "ALARM(a)")
    sample(world, 1)
    minute(world)
    assert (state(world, "a"), state(world, "both")) == ("ALARM", "ALARM")
