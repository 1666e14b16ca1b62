"""Deployments on a real store: what the deployer makes, keeps, resumes and tells."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import redrive.services
from redrive.core.effects import Caller, Reply
from redrive.core.errors import ServiceError
from redrive.core.time import Millis
from redrive.services.dispatch import Dispatch
from redrive.services.identity.operations import register as register_identity
from redrive.services.identity.room import open_room
from redrive.services.queues.operations import register as register_queues
from redrive.services.queues.room import Queues
from redrive.services.registry import Registry
from redrive.services.stacks.deployer import Deployer
from redrive.services.stacks.makers import MAKERS
from redrive.services.stacks.model import World
from redrive.services.stacks.operations import register as register_stacks
from redrive.services.stacks.records import encode_stack
from redrive.services.stacks.resolve import resolve
from redrive.services.stacks.template import load
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements

SERVICES = Path(redrive.services.__file__).parent
CALLER = Caller("111122223333", "eu-west-1", "arn:aws:iam::111122223333:root", "111122223333")
T0 = 1_800_000_000_000

ORDERS = """
    Resources:
      Dead: {Type: AWS::SQS::Queue, Properties: {QueueName: dead}}
      Orders:
        Type: AWS::SQS::Queue
        Properties:
          QueueName: orders
          VisibilityTimeout: 60
          RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
      Role:
        Type: AWS::IAM::Role
        Properties:
          AssumeRolePolicyDocument:
            Version: 2012-10-17
            Statement:
              Effect: Allow
              Action: sts:AssumeRole
              Principal: {Service: lambda.amazonaws.com}
    Outputs:
      Url: {Value: !Ref Orders, Description: where to send}
      RoleArn: {Value: !GetAtt Role.Arn}
"""


class Count:
    """Bytes that differ from call to call."""

    def __init__(self) -> None:
        self._count = 0

    def token(self, count: int) -> bytes:
        self._count += 1
        return self._count.to_bytes(count, "big")


class Rig:
    """One run of a server with queues and stacks on the files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.now_ms = T0
        self.faults: list[BaseException] = []
        self.told: list[Any] = []
        names = ("queues/queues", "queues/fifo", "stacks/stacks", "identity/identity")
        files = [SERVICES / f"{name}.sql" for name in names]
        self.store = SqliteStore(str(folder / "redrive.db"), load_statements(files))
        self.registry = Registry(self.store)
        register_queues(self.registry, Queues(self.store, Count()))
        register_stacks(self.registry)
        register_identity(self.registry, open_room(self.store, Count()))
        self.store.commit(Millis(self.now_ms))
        self.dispatch = Dispatch(
            self.registry,
            self.store,
            clock=lambda: Millis(self.now_ms),
            chance=Count(),
            run=lambda _run, _done: pytest.fail("nothing runs functions here"),
            origin="http://127.0.0.1:4566",
            fault=self.faults.append,
        )

    def start(self) -> None:
        """Take the deployer into service."""
        self.dispatch.post(Deployer(CALLER, lambda *told: self.told.append(told)))

    def settle(self, steps: int = 10_000) -> int:
        """Go on until nothing is left at this instant, or for some commits; return how many."""
        taken = 0
        while taken < steps:
            self.dispatch.advance()
            if self.dispatch.is_idle:
                break
            self.dispatch.settle()
            taken += 1
        assert not self.faults
        return taken

    def enter(self, service: str, operation: str, **params: Any) -> list[Reply]:
        """Enter an operation; the list holds its reply once there is one."""
        replies: list[Reply] = []
        self.dispatch.enter(service, operation, params, CALLER, replies.append)
        return replies

    def call(self, service: str, operation: str, **params: Any) -> Any:
        """Return an operation's result or raise its error."""
        replies = self.enter(service, operation, **params)
        self.settle()
        (reply,) = replies
        if reply.error is not None:
            raise reply.error
        return reply.result

    def deploy(self, template: str) -> Any:
        """Deploy a template as the stack `shop`."""
        return self.call("redrive", "Deploy", StackName="shop", Plan=plan_of(template))

    def queues(self) -> list[str]:
        """Return the names of the queues that exist."""
        urls = self.call("sqs", "ListQueues").get("QueueUrls", ())
        return sorted(url.rpartition("/")[2] for url in urls)


def plan_of(template: str) -> dict[str, Any]:
    """Return a template as it crosses the wire."""
    world = World.named(CALLER.account, CALLER.region, "shop")
    stack = resolve(load(textwrap.dedent(template)), {}, world)
    decoded: dict[str, Any] = json.loads(json.dumps(encode_stack(stack)))
    return decoded


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A server that has just started."""
    made = Rig(tmp_path)
    made.start()
    yield made
    made.store.close()


def test_deploy_makes_and_answers(rig: Rig) -> None:
    """Deploy answers when everything is there, with the outputs and what was done."""
    told = rig.deploy(ORDERS)
    assert told["Failures"] == []
    values = {output["Name"]: output["Value"] for output in told["Outputs"]}
    assert values["Url"] == "http://127.0.0.1:4566/111122223333/orders"
    assert values["RoleArn"].startswith("arn:aws:iam::111122223333:role/shop-Role-")
    assert {(c["Action"], c["LogicalId"]) for c in told["Changes"]} == {
        ("create", "Dead"),
        ("create", "Orders"),
        ("create", "Role"),
    }
    assert rig.queues() == ["dead", "orders"]
    attributes = rig.call(
        "sqs",
        "GetQueueAttributes",
        QueueUrl="/111122223333/orders",
        AttributeNames=["VisibilityTimeout"],
    )
    assert attributes["Attributes"]["VisibilityTimeout"] == "60"


def test_same_template_again_changes_nothing(rig: Rig) -> None:
    """Deploying the same template again makes no change and gives the same outputs."""
    first = rig.deploy(ORDERS)
    second = rig.deploy(ORDERS)
    assert second["Changes"] == []
    assert second["Outputs"] == first["Outputs"]


def test_change_in_place_and_removal(rig: Rig) -> None:
    """A changed property is set on the queue that is there; what the template lost is deleted."""
    rig.deploy(ORDERS)
    told = rig.deploy(
        """
        Resources:
          Orders: {Type: AWS::SQS::Queue, Properties: {QueueName: orders, VisibilityTimeout: 5}}
        """
    )
    done = {(c["Action"], c["LogicalId"]) for c in told["Changes"]}
    assert done == {("update", "Orders"), ("delete", "Dead"), ("delete", "Role")}
    assert rig.queues() == ["orders"]


def test_failure_names_the_resource(rig: Rig) -> None:
    """AWS's refusal is told with the logical id; what does not hang on it is made all the same."""
    told = rig.deploy(
        """
        Resources:
          Bad: {Type: AWS::SQS::Queue, Properties: {QueueName: bad, VisibilityTimeout: 99999}}
          Good: {Type: AWS::SQS::Queue, Properties: {QueueName: good}}
          Policy:
            Type: AWS::SQS::QueuePolicy
            Properties: {Queues: [!Ref Bad], PolicyDocument: {Version: "2012-10-17"}}
        """
    )
    failures = {f["LogicalId"]: f["Message"] for f in told["Failures"]}
    assert failures["Bad"].startswith("InvalidAttributeValue: ")
    assert failures["Policy"] == "not begun: something that it depends on failed"
    assert rig.queues() == ["good"]
    assert rig.call("redrive", "ListStacks")["Stacks"][0]["Status"] == "FAILED"


def test_next_deploy_repairs(rig: Rig) -> None:
    """After a failure the next Deploy makes what is missing and leaves the rest as it is."""
    broken = ORDERS.replace("VisibilityTimeout: 60", "VisibilityTimeout: 99999")
    assert rig.deploy(broken)["Failures"]
    told = rig.deploy(ORDERS)
    assert told["Failures"] == []
    assert [c["LogicalId"] for c in told["Changes"]] == ["Orders"]


@pytest.mark.parametrize("commits", range(12))
def test_crash_is_resumed(tmp_path: Path, commits: int) -> None:
    """A deployment that a crash cut off after any commit is finished at the next start."""
    first = Rig(tmp_path)
    first.start()
    first.enter("redrive", "Deploy", StackName="shop", Plan=plan_of(ORDERS))
    first.settle(commits)
    first.store.close()
    second = Rig(tmp_path)
    second.now_ms = T0 + 60_000
    second.start()
    second.settle()
    told = second.deploy(ORDERS)  # before the first commit nothing was promised
    assert told["Failures"] == []
    assert second.queues() == ["dead", "orders"]
    described = second.call("redrive", "DescribeStack", StackName="shop")
    assert described["Status"] == "DEPLOYED"
    assert {r["Status"] for r in described["Resources"]} == {"DEPLOYED"}
    second.store.close()


@pytest.mark.parametrize("commits", range(12))
def test_another_template_after_a_crash(tmp_path: Path, commits: int) -> None:
    """What a crash left is taken over by a template that wants it otherwise."""
    first = Rig(tmp_path)
    first.start()
    first.enter("redrive", "Deploy", StackName="shop", Plan=plan_of(ORDERS))
    first.settle(commits)
    first.store.close()
    second = Rig(tmp_path)
    changed = plan_of(ORDERS.replace("VisibilityTimeout: 60", "VisibilityTimeout: 5"))
    replies = second.enter("redrive", "Deploy", StackName="shop", Plan=changed)
    second.settle()
    second.start()
    second.settle()
    assert replies[0].result["Failures"] == []
    attributes = second.call(
        "sqs",
        "GetQueueAttributes",
        QueueUrl="/111122223333/orders",
        AttributeNames=["VisibilityTimeout"],
    )
    assert attributes["Attributes"]["VisibilityTimeout"] == "5"
    second.store.close()


def test_resumed_without_being_asked(tmp_path: Path) -> None:
    """The plan that was acknowledged as wanted is carried out at the next start by itself."""
    first = Rig(tmp_path)
    first.enter("redrive", "Deploy", StackName="shop", Plan=plan_of(ORDERS))
    first.settle()
    assert first.queues() == []
    first.store.close()
    second = Rig(tmp_path)
    second.start()
    second.settle()
    assert second.queues() == ["dead", "orders"]
    second.store.close()


def test_several_plans_at_once(rig: Rig) -> None:
    """Plans given together are all answered, and the latest one is what stands."""
    other = "Resources: {Other: {Type: AWS::SQS::Queue, Properties: {QueueName: other}}}"
    replies = [
        rig.enter("redrive", "Deploy", StackName="shop", Plan=plan_of(template))
        for template in (ORDERS, other, ORDERS, other)
    ]
    rig.settle()
    assert all(len(reply) == 1 and reply[0].error is None for reply in replies)
    assert rig.queues() == ["other"]


def test_a_plan_that_comes_meanwhile(rig: Rig) -> None:
    """A plan that is given while another is carried out is carried out after it."""
    other = "Resources: {Other: {Type: AWS::SQS::Queue, Properties: {QueueName: other}}}"
    first = rig.enter("redrive", "Deploy", StackName="shop", Plan=plan_of(ORDERS))
    rig.settle(3)
    second = rig.enter("redrive", "Deploy", StackName="shop", Plan=plan_of(other))
    assert first == []
    rig.settle()
    assert len(first[0].result["Changes"]) == 3
    assert {c["Action"] for c in second[0].result["Changes"]} == {"create", "delete"}
    assert rig.queues() == ["other"]


def test_what_is_gone_already(rig: Rig) -> None:
    """A queue that somebody else deleted is no obstacle to deleting its stack."""
    rig.deploy(
        """
        Resources:
          Good: {Type: AWS::SQS::Queue, Properties: {QueueName: good}}
          Policy:
            Type: AWS::SQS::QueuePolicy
            Properties: {Queues: [!Ref Good], PolicyDocument: {Version: "2012-10-17"}}
        """
    )
    rig.call("sqs", "DeleteQueue", QueueUrl="/111122223333/good")
    assert rig.call("redrive", "DeleteStack", StackName="shop")["Failures"] == []
    assert rig.call("redrive", "ListStacks")["Stacks"] == []


def test_delete_stack(rig: Rig) -> None:
    """DeleteStack deletes what the stack has, but for what is retained, and then the stack."""
    rig.deploy(ORDERS.replace("Dead: {Type", "Dead: {DeletionPolicy: Retain, Type"))
    assert rig.call("redrive", "DeleteStack", StackName="shop")["Failures"] == []
    assert rig.queues() == ["dead"]
    assert rig.call("redrive", "ListStacks")["Stacks"] == []
    with pytest.raises(ServiceError, match="does not exist"):
        rig.call("redrive", "DescribeStack", StackName="shop")
    assert rig.call("redrive", "DeleteStack", StackName="shop") == {"Failures": []}


def test_deleted_and_made_again(rig: Rig) -> None:
    """A stack that was deleted can be deployed anew, with the same names."""
    rig.deploy(ORDERS)
    rig.call("redrive", "DeleteStack", StackName="shop")
    rig.now_ms += 61_000  # a queue's name is free again after a minute
    assert rig.deploy(ORDERS)["Failures"] == []
    assert rig.queues() == ["dead", "orders"]


def test_events_are_told(rig: Rig) -> None:
    """Each action that ends is told once, with the resource and how it ended."""
    rig.deploy(ORDERS)
    details = [detail for _caller, _at_ms, detail in rig.told]
    assert {(d["LogicalId"], d["Action"], d["Status"]) for d in details} == {
        ("Dead", "create", "done"),
        ("Orders", "create", "done"),
        ("Role", "create", "done"),
    }
    assert len(details) == 3
    assert {caller.account for caller, _at_ms, _detail in rig.told} == {CALLER.account}


@pytest.mark.parametrize("method", ["create", "outcome"])
def test_a_bug_of_ours_is_told_to_who_waits(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """A maker that raises ends the plan; the next one goes on from what was begun."""

    def broken(*_args: object) -> Any:
        raise KeyError("planted")

    with monkeypatch.context() as planted:
        planted.setattr(MAKERS["AWS::SQS::Queue"].__class__, method, broken)
        replies = rig.enter("redrive", "Deploy", StackName="shop", Plan=plan_of(ORDERS))
        with pytest.raises(AssertionError):
            rig.settle()
        assert [type(fault) for fault in rig.faults] == [KeyError]
        rig.faults.clear()
        rig.now_ms += 1_000
        rig.settle()
        (failure,) = replies[0].result["Failures"]  # type: ignore[index]
        assert failure["Message"].startswith("InternalFailure")
    assert rig.deploy(ORDERS)["Failures"] == []
    assert rig.queues() == ["dead", "orders"]


def test_reset_answers_who_waits(tmp_path: Path) -> None:
    """Emptying the account ends a Deploy that waits, rather than leaving it for ever."""
    rig = Rig(tmp_path)  # without a deployer
    replies = rig.enter("redrive", "Deploy", StackName="shop", Plan=plan_of(ORDERS))
    rig.settle()
    assert replies == []
    rig.call("stacks", "ResetAccount")
    assert [reply.error for reply in replies] == [None]
    assert rig.call("redrive", "ListStacks")["Stacks"] == []
    rig.store.close()


def test_draining_begins_nothing(rig: Rig) -> None:
    """A draining server begins no action and comes to rest; the plan stays wanted."""
    rig.enter("redrive", "Deploy", StackName="shop", Plan=plan_of(ORDERS))
    rig.settle(1)
    rig.dispatch.drain()
    rig.settle()
    assert rig.dispatch.is_at_rest
    assert "orders" not in rig.queues()
    assert rig.call("redrive", "ListStacks")["Stacks"][0]["Status"] == "DEPLOYING"


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({}, "not of the form"),
        ({"Resources": {"A": {"Type": "AWS::X::Y", "Properties": {}}}}, "unknown resource type"),
        ({"Resources": {"A": {"Type": "AWS::SQS::Queue", "Properties": 1}}}, "must be an object"),
        ({"Resources": {"A": []}}, "not of the form"),
        (
            {"Resources": {"A": {"Type": "AWS::SQS::Queue", "Properties": {}, "DependsOn": ["B"]}}},
            "which is not in the plan",
        ),
        (
            {"Resources": {"A": {"Type": "AWS::SQS::Queue", "Properties": {}, "DependsOn": ["A"]}}},
            "in a ring",
        ),
    ],
)
def test_bad_plan_is_refused(rig: Rig, plan: dict[str, Any], message: str) -> None:
    """A plan that is not one is refused before anything is kept."""
    with pytest.raises(ServiceError, match=message):
        rig.call("redrive", "Deploy", StackName="shop", Plan=plan)
    assert rig.call("redrive", "ListStacks")["Stacks"] == []
