"""Receiving: order, counts, delays, retention, visibility, handles, the quota in flight."""

from __future__ import annotations

from typing import Any

import pytest
from queues_rig import DAY_MS, T0, Rig, shown

from redrive.services.queues.operations import receive as receive_operation

# --- receiving ---------------------------------------------------------------------------------


def test_receive_parameters_that_are_refused(rig: Rig, url: str) -> None:
    """AWS's texts, as captured."""
    for count in (0, 11, -1):
        assert rig.refused("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=count) == (
            "InvalidParameterValue",
            f"Value {count} for parameter MaxNumberOfMessages is invalid."
            " Reason: Must be between 1 and 10, if provided.",
        )
    for name, most in (("WaitTimeSeconds", 20), ("VisibilityTimeout", 43_200)):
        for value in (-1, most + 1):
            assert rig.refused("ReceiveMessage", QueueUrl=url, **{name: value}) == (
                "InvalidParameterValue",
                f"Value {value} for parameter {name} is invalid."
                f" Reason: Must be >= 0 and <= {most}, if provided.",
            )


def test_an_empty_receive_has_no_messages_member(rig: Rig, url: str) -> None:
    """AWS: as captured."""
    assert rig.call("ReceiveMessage", QueueUrl=url) == {}


def test_one_message_by_default_and_ten_at_most(rig: Rig, url: str) -> None:
    """MaxNumberOfMessages is 1 when it is not given; order is that of sending."""
    for n in range(12):
        rig.send(url, str(n))
    assert [m["Body"] for m in shown(rig.call("ReceiveMessage", QueueUrl=url))] == ["0"]
    assert rig.bodies(url, 10) == [str(n) for n in range(1, 11)]
    assert rig.bodies(url, 10) == ["11"]


def test_counts_follow_a_message(rig: Rig, url: str) -> None:
    """Delayed, visible, in flight, visible again, gone."""
    rig.send(url, DelaySeconds=5)
    assert rig.counts(url) == (0, 0, 1)
    rig.wait(5)
    assert rig.counts(url) == (1, 0, 0)
    (got,) = rig.receive(url)
    assert rig.counts(url) == (0, 1, 0)
    rig.wait(30)
    assert rig.counts(url) == (1, 0, 0)
    rig.call("DeleteMessage", QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
    assert rig.counts(url) == (0, 0, 0)


def test_delays_end_to_the_millisecond(rig: Rig) -> None:
    """The queue's delay holds unless the message has its own, 0 included."""
    url = rig.create("slow", DelaySeconds="10")
    rig.send(url, "queue's")
    rig.send(url, "own", DelaySeconds=3)
    rig.send(url, "none", DelaySeconds=0)
    assert rig.bodies(url) == ["none"]
    rig.wait(2.999)
    assert rig.bodies(url) == []
    rig.wait(0.001)
    assert rig.bodies(url) == ["own"]
    rig.wait(6.999)
    assert rig.bodies(url) == []
    rig.wait(0.001)
    assert rig.bodies(url) == ["queue's"]


def test_visibility_ends_to_the_millisecond(rig: Rig, url: str) -> None:
    """The queue's timeout, or the request's; a timeout of 0 hides nothing."""
    rig.send(url)
    assert rig.bodies(url)
    rig.wait(29.999)
    assert not rig.bodies(url)
    rig.wait(0.001)
    assert rig.bodies(url, VisibilityTimeout=2)
    rig.wait(1.999)
    assert not rig.bodies(url)
    rig.wait(0.001)
    assert rig.bodies(url, VisibilityTimeout=0)
    (got,) = rig.receive(url, AttributeNames=["ApproximateReceiveCount"])
    assert got["Attributes"] == {"ApproximateReceiveCount": "4"}


@pytest.mark.parametrize("state", ["visible", "in flight", "delayed", "returned"])
@pytest.mark.parametrize("reaps", [False, True])
def test_retention_ends_to_the_millisecond(rig: Rig, state: str, reaps: bool) -> None:
    """A message is gone `retention` after its sending whatever its state, reaper or not."""
    url = rig.create("brief", MessageRetentionPeriod="60")
    rig.send(url, DelaySeconds=60 if state == "delayed" else 0)
    if reaps:
        rig.work()
    handle = None
    if state in ("in flight", "returned"):
        (got,) = rig.receive(url, VisibilityTimeout=60 if state == "in flight" else 1)
        handle = got["ReceiptHandle"]
    rig.wait(59.999)
    assert rig.bodies(url, VisibilityTimeout=0) == (
        ["hello"] if state in ("visible", "returned") else []
    )
    rig.wait(0.001)
    if handle is not None:
        code, _ = rig.refused(
            "ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0
        )
        assert code == "InvalidParameterValue"
        assert rig.call("DeleteMessage", QueueUrl=url, ReceiptHandle=handle) == {}
    assert rig.bodies(url) == []
    if reaps and state != "delayed":  # a delay of its own lets the row lie until it would be due
        rig.wait(20)
        assert rig.counts(url) == (0, 0, 0)


def test_a_new_retention_applies_to_old_messages(rig: Rig, url: str) -> None:
    """A shorter period takes what is older; a longer one, set in time, keeps it."""
    rig.send(url)
    rig.wait(100)
    rig.call("SetQueueAttributes", QueueUrl=url, Attributes={"MessageRetentionPeriod": "101"})
    assert rig.bodies(url, VisibilityTimeout=0) == ["hello"]
    rig.call("SetQueueAttributes", QueueUrl=url, Attributes={"MessageRetentionPeriod": "100"})
    assert rig.bodies(url) == []


def test_the_default_retention_is_four_days(rig: Rig, url: str) -> None:
    """345,600 seconds."""
    rig.send(url)
    rig.pass_to(T0 + 4 * DAY_MS - 1)
    assert rig.bodies(url, VisibilityTimeout=0)
    rig.pass_to(T0 + 4 * DAY_MS)
    assert not rig.bodies(url)


# --- handles: who may still delete, who may still change ------------------------------------------


def change(rig: Rig, url: str, handle: str, timeout: int) -> Any:
    return rig.call(
        "ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=timeout
    )


def delete(rig: Rig, url: str, handle: str) -> Any:
    return rig.call("DeleteMessage", QueueUrl=url, ReceiptHandle=handle)


@pytest.mark.parametrize("operation", ["DeleteMessage", "ChangeMessageVisibility"])
@pytest.mark.parametrize("handle", ["garbage", "", "é", "AAAA", "=", "QUJD" * 10])
def test_garbage_for_a_handle(rig: Rig, url: str, operation: str, handle: str) -> None:
    """What nobody gave is ReceiptHandleIsInvalid."""
    assert rig.refused(operation, QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=1) == (
        "ReceiptHandleIsInvalid",
        f'The input receipt handle "{handle}" is not a valid receipt handle.',
    )


def test_every_receive_gives_a_new_handle(rig: Rig, url: str) -> None:
    """Handles differ from receive to receive."""
    rig.send(url)
    seen = {rig.receive(url, VisibilityTimeout=0)[0]["ReceiptHandle"] for _ in range(5)}
    assert len(seen) == 5


def test_a_lapsed_handle_still_deletes(rig: Rig, url: str) -> None:
    """Standard queues: nobody re-received it, so it is really deleted. AWS: as captured."""
    rig.send(url)
    (got,) = rig.receive(url)
    rig.wait(31)
    assert delete(rig, url, got["ReceiptHandle"]) == {}
    assert rig.bodies(url) == []
    assert delete(rig, url, got["ReceiptHandle"]) == {}


def test_an_older_handle_deletes_nothing(rig: Rig, url: str) -> None:
    """After another receive the older handle succeeds and the message stays; the newer deletes."""
    rig.send(url)
    (old,) = rig.receive(url, VisibilityTimeout=1)
    rig.wait(1)
    (new,) = rig.receive(url)
    assert delete(rig, url, old["ReceiptHandle"]) == {}
    assert rig.counts(url) == (0, 1, 0)
    assert delete(rig, url, new["ReceiptHandle"]) == {}
    assert rig.counts(url) == (0, 0, 0)


def test_a_handle_works_on_its_own_queue_only(rig: Rig, url: str) -> None:
    """Another queue's URL does not delete it, and does not change it."""
    other = rig.create("other")
    rig.send(url)
    (got,) = rig.receive(url)
    assert delete(rig, other, got["ReceiptHandle"]) == {}
    code, _ = rig.refused(
        "ChangeMessageVisibility",
        QueueUrl=other,
        ReceiptHandle=got["ReceiptHandle"],
        VisibilityTimeout=0,
    )
    assert code == "InvalidParameterValue"
    assert rig.counts(url) == (0, 1, 0)


def test_visibility_is_changed_for_this_receive_only(rig: Rig, url: str) -> None:
    """0 releases at once; a longer one holds from now; the next receive has the queue's again."""
    rig.send(url)
    (got,) = rig.receive(url)
    change(rig, url, got["ReceiptHandle"], 0)
    (got,) = rig.receive(url)
    change(rig, url, got["ReceiptHandle"], 100)
    rig.wait(99.999)
    assert rig.bodies(url) == []
    rig.wait(0.001)
    assert rig.bodies(url) == ["hello"]
    rig.wait(30)
    assert rig.bodies(url) == ["hello"]


def test_a_lapsed_lease_may_be_taken_up_again(rig: Rig, url: str) -> None:
    """After the timeout, not re-received: 200, and the message is hidden. AWS: as captured."""
    rig.send(url)
    (got,) = rig.receive(url)
    rig.wait(60)
    change(rig, url, got["ReceiptHandle"], 10)
    assert rig.bodies(url) == []
    rig.wait(10)
    assert rig.bodies(url) == ["hello"]


def test_an_older_handle_changes_nothing(rig: Rig, url: str) -> None:
    """The lease belongs to the latest receive."""
    rig.send(url)
    (old,) = rig.receive(url, VisibilityTimeout=1)
    rig.wait(1)
    rig.receive(url)
    change(rig, url, old["ReceiptHandle"], 0)
    assert rig.bodies(url) == []


def test_a_deleted_message_cannot_be_changed(rig: Rig, url: str) -> None:
    """AWS's captured text."""
    rig.send(url)
    (got,) = rig.receive(url)
    handle = got["ReceiptHandle"]
    delete(rig, url, handle)
    assert rig.refused(
        "ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=1
    ) == (
        "InvalidParameterValue",
        f"Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or"
        " is not available for visibility timeout change.",
    )


def test_twelve_hours_count_from_the_receive(rig: Rig, url: str) -> None:
    """Extending does not start them anew; to the millisecond."""
    rig.send(url)
    (got,) = rig.receive(url)
    change(rig, url, got["ReceiptHandle"], 43_200)
    rig.wait(3_600)
    change(rig, url, got["ReceiptHandle"], 39_600)
    rig.wait(0.001)
    code, message = rig.refused(
        "ChangeMessageVisibility",
        QueueUrl=url,
        ReceiptHandle=got["ReceiptHandle"],
        VisibilityTimeout=39_600,
    )
    assert (code, "beyond the limit [43200 seconds]" in message) == ("InvalidParameterValue", True)
    for timeout in (-1, 43_201):
        code, _ = rig.refused(
            "ChangeMessageVisibility",
            QueueUrl=url,
            ReceiptHandle=got["ReceiptHandle"],
            VisibilityTimeout=timeout,
        )
        assert code == "InvalidParameterValue"


# --- the quota of messages in flight ------------------------------------------------------------


def test_the_quota_of_messages_in_flight(
    rig: Rig, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the quota a short poll is OverLimit, a long one finds nothing until one comes free."""
    monkeypatch.setattr("redrive.services.queues.rules.IN_FLIGHT_MAX", 3)
    for n in range(5):
        rig.send(url, str(n))
    got = rig.receive(url, 3)
    code, _ = rig.refused("ReceiveMessage", QueueUrl=url)
    assert code == "OverLimit"
    waiting = rig.start("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=2)
    rig.wait(1)
    assert waiting == []
    attempts = count_attempts(rig, monkeypatch)
    rig.wait(0.5)
    assert len(attempts) <= 3, "a full queue is looked at every millisecond"
    delete(rig, url, got[0]["ReceiptHandle"])
    rig.wait(0.5)
    assert [m["Body"] for m in shown(waiting[0].result)] == ["3"]
    waiting = rig.start("ReceiveMessage", QueueUrl=url, WaitTimeSeconds=2)
    rig.wait(2)
    assert waiting[0].result == {}
    rig.wait(30)
    assert len(rig.receive(url)) == 4, "lapsed messages are not in flight"


def count_attempts(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    attempts: list[None] = []
    real = receive_operation._in_flight_is_full

    def counted(*args: Any) -> bool:
        attempts.append(None)
        return real(*args)

    monkeypatch.setattr(receive_operation, "_in_flight_is_full", counted)
    return attempts
