"""What is done to get from what is deployed to what the template says."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from redrive.services.stacks.names import physical_name, suffix
from redrive.services.stacks.plan import Deployment

ORDERS = """
    Resources:
      Orders:
        Type: AWS::SQS::Queue
        Properties:
          VisibilityTimeout: 60
          DelaySeconds: 5
          RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
          Tags: [{Key: team, Value: shop}, {Key: old, Value: x}]
      Dead: {Type: AWS::SQS::Queue}
      Policy:
        Type: AWS::SQS::QueuePolicy
        Properties: {Queues: [!Ref Orders], PolicyDocument: {Version: 2012-10-17}}
      Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}
      Worker:
        Type: AWS::Lambda::Function
        Properties:
          Code: {ZipFile: "def handler(event, context): return 1"}
          Environment: {Variables: {URL: !Ref Orders}}
          Handler: index.handler
          ReservedConcurrentExecutions: 2
          Role: !GetAtt Role.Arn
          Runtime: python3.12
          Tags: [{Key: team, Value: shop}]
          Timeout: 10
      Mapping:
        Type: AWS::Lambda::EventSourceMapping
        Properties:
          BatchSize: 5
          EventSourceArn: !GetAtt Orders.Arn
          FunctionName: !Ref Worker
          FunctionResponseTypes: [ReportBatchItemFailures]
          ScalingConfig: {MaximumConcurrency: 2}
      Permission:
        Type: AWS::Lambda::Permission
        Properties: {Action: "lambda:InvokeFunction", FunctionName: !Ref Worker, Principal: "*"}
    Outputs:
      Url: {Value: !Sub "url ${Orders}", Description: where to send}
"""


def calls(actions: list[Any], logical_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Return (operation, parameters) of every request for a resource, in order."""
    return [
        (request.operation, dict(request.params))
        for action in actions
        if action.logical_id == logical_id
        for request in action.requests
    ]


def kinds(actions: list[Any]) -> list[tuple[str, str]]:
    """Return (kind, logical id) of each action, in order."""
    return [(action.kind, action.logical_id) for action in actions]


def test_creation(stack_of, deploy) -> None:
    """Everything is created in the order of its dependencies, with the values that those have."""
    actions, _ = deploy(stack_of(ORDERS))
    order = [action.logical_id for action in actions]
    assert set(order[:2]) == {"Dead", "Role"}
    assert order.index("Orders") < order.index("Worker") < order.index("Mapping")
    assert {action.kind for action in actions} == {"create"}
    name = next(action.physical_id for action in actions if action.logical_id == "Orders")
    assert name.startswith("shop-Orders-")
    assert len(name) == len("shop-Orders-") + 12
    url, arn = (
        f"http://127.0.0.1:4566/000000000000/{name}",
        f"arn:aws:sqs:us-east-1:000000000000:{name}",
    )
    dead = next(action.physical_id for action in actions if action.logical_id == "Dead")
    policy = (
        f'"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:{dead}","maxReceiveCount":3'
    )
    assert calls(actions, "Orders") == [
        (
            "CreateQueue",
            {
                "QueueName": name,
                "Attributes": {
                    "VisibilityTimeout": "60",
                    "DelaySeconds": "5",
                    "RedrivePolicy": "{" + policy + "}",
                },
                "tags": {"team": "shop", "old": "x"},
            },
        )
    ]
    assert calls(actions, "Policy") == [
        (
            "SetQueueAttributes",
            {"QueueUrl": url, "Attributes": {"Policy": '{"Version":"2012-10-17"}'}},
        )
    ]
    (create, function), (reserve, concurrency) = calls(actions, "Worker")
    assert (create, reserve) == ("CreateFunction", "PutFunctionConcurrency")
    assert concurrency["ReservedConcurrentExecutions"] == 2
    assert function["Environment"] == {"Variables": {"URL": url}}
    assert function["Role"].startswith("arn:aws:iam::000000000000:role/shop-Role-")
    assert function["Tags"] == {"team": "shop"}
    with zipfile.ZipFile(io.BytesIO(function["Code"]["ZipFile"])) as archive:
        assert archive.namelist() == ["index.py"]
        assert archive.read("index.py") == b"def handler(event, context): return 1"
    assert calls(actions, "Mapping") == [
        (
            "CreateEventSourceMapping",
            {
                "BatchSize": 5,
                "EventSourceArn": arn,
                "FunctionName": function["FunctionName"],
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "ScalingConfig": {"MaximumConcurrency": 2},
            },
        )
    ]
    ((operation, role),) = calls(actions, "Role")
    assert (operation, role["IsNew"]) == ("DeployRole", True)
    assert calls(actions, "Permission")[0][1]["StatementId"].startswith("shop-Permission-")


def test_no_change_no_action(stack_of, deploy) -> None:
    """The same template again does nothing, and still knows its outputs."""
    _, rows = deploy(stack_of(ORDERS))
    deployment = Deployment(stack_of(ORDERS), rows)
    assert deployment.ready() == []
    assert deployment.finished
    output = deployment.outputs()["Url"]
    assert output.value.startswith("url http://127.0.0.1:4566/000000000000/shop-Orders-")
    assert output.description == "where to send"


def test_names_are_repeatable(stack_of, deploy) -> None:
    """A deployment begun again makes the same names; another seed or stack makes others."""
    first = deploy(stack_of(ORDERS))[0]
    assert first == deploy(stack_of(ORDERS))[0]
    other = Deployment(stack_of(ORDERS), seed=1).ready()
    assert {action.physical_id for action in other}.isdisjoint(a.physical_id for a in first)


@pytest.mark.parametrize(
    ("old", "new", "resource", "expected"),
    [
        (
            "VisibilityTimeout: 60",
            "VisibilityTimeout: 90",
            "Orders",
            [("SetQueueAttributes", {"Attributes": {"VisibilityTimeout": "90"}})],
        ),
        (
            "          DelaySeconds: 5\n",
            "",
            "Orders",
            [("SetQueueAttributes", {"Attributes": {"DelaySeconds": "0"}})],
        ),
        (
            "          RedrivePolicy: "
            "{deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}\n",
            "",
            "Orders",
            [("SetQueueAttributes", {"Attributes": {"RedrivePolicy": ""}})],
        ),
        (
            "{Key: team, Value: shop}, {Key: old, Value: x}",
            "{Key: team, Value: store}",
            "Orders",
            [("UntagQueue", {"TagKeys": ["old"]}), ("TagQueue", {"Tags": {"team": "store"}})],
        ),
        (
            "Timeout: 10",
            "MemorySize: 256",
            "Worker",
            [("UpdateFunctionConfiguration", {"Timeout": 3, "MemorySize": 256})],
        ),
        (
            "          ReservedConcurrentExecutions: 2\n",
            "",
            "Worker",
            [("DeleteFunctionConcurrency", {})],
        ),
        (
            "ReservedConcurrentExecutions: 2",
            "ReservedConcurrentExecutions: 0",
            "Worker",
            [("PutFunctionConcurrency", {"ReservedConcurrentExecutions": 0})],
        ),
        ("return 1", "return 2", "Worker", [("UpdateFunctionCode", {})]),
        (
            "          Tags: [{Key: team, Value: shop}]\n",
            "",
            "Worker",
            [("UntagResource", {"TagKeys": ["team"]})],
        ),
        (
            "          BatchSize: 5\n",
            "",
            "Mapping",
            [("UpdateEventSourceMapping", {"BatchSize": 10, "UUID": "uuid-Mapping@0"})],
        ),
        (
            "          ScalingConfig: {MaximumConcurrency: 2}\n",
            "          Enabled: false\n",
            "Mapping",
            [("UpdateEventSourceMapping", {"ScalingConfig": {}, "Enabled": False})],
        ),
    ],
)
def test_updates(stack_of, deploy, old: str, new: str, resource: str, expected: list[Any]) -> None:
    """A changed property is set, one that is gone goes back to its default; nothing else moves."""
    assert ORDERS.count(old) == 1
    _, rows = deploy(stack_of(ORDERS))
    actions, _ = deploy(stack_of(ORDERS.replace(old, new)), rows)
    assert kinds(actions) == [("update", resource)]
    found = calls(actions, resource)
    assert [operation for operation, _ in found] == [operation for operation, _ in expected]
    for (_, params), (_, wanted) in zip(found, expected, strict=True):
        assert wanted.items() <= params.items()
        assert len(params.keys() - wanted.keys()) <= 2  # who it is for, and code


def test_replacement_carries_on(stack_of, deploy) -> None:
    """What must be replaced is made first, what names it follows, and the old one goes last."""
    _, rows = deploy(stack_of(ORDERS))
    text = ORDERS.replace("DelaySeconds: 5", "QueueName: orders")
    actions, after = deploy(stack_of(text), rows)
    found = kinds(actions)
    assert found[0] == ("replace", "Orders")
    assert ("update", "Worker") in found  # its environment names the queue's URL
    assert ("update", "Policy") in found
    assert ("replace", "Mapping") in found
    assert found[-2:] == [("delete", "Mapping"), ("delete", "Orders")]
    removal = calls(actions, "Mapping")[-1]
    assert removal == ("DeleteEventSourceMapping", {"UUID": "uuid-Mapping@0"})
    assert {row.key for row in after if row.logical_id in ("Orders", "Mapping")} == {
        "Orders@1",
        "Mapping@1",
    }
    cleared, put = calls(actions, "Policy")
    assert cleared[1]["Attributes"] == {"Policy": ""}
    assert put[1]["QueueUrl"].endswith("/orders")


def test_a_replacement_has_a_new_name(stack_of, deploy) -> None:
    """The generated name of a replacement is not that of what it replaces."""
    _, rows = deploy(stack_of(ORDERS))
    actions, _ = deploy(stack_of(ORDERS.replace('Principal: "*"', "Principal: a.b")), rows)
    assert kinds(actions) == [("replace", "Permission"), ("delete", "Permission")]
    (_, added), (_, removed) = calls(actions, "Permission")
    assert added["StatementId"] != removed["StatementId"]
    assert removed["StatementId"] == next(r for r in rows if r.key == "Permission@0").physical_id


def test_a_named_resource_cannot_be_replaced_under_its_name(stack_of) -> None:
    """A replacement that would have the name of what it replaces fails, with the way out."""
    properties = "{RoleName: r, AssumeRolePolicyDocument: {}}"
    text = f"Resources: {{R: {{Type: AWS::IAM::Role, Properties: {properties}}}}}"
    first = Deployment(stack_of(text))
    made = {"Role": {"Arn": "arn:aws:iam::000000000000:role/r", "RoleId": "AROAEXAMPLE"}}
    row = first.done(first.ready()[0].key, [made])
    assert row
    second = Deployment(stack_of(text.replace("RoleName: r", "RoleName: r, Path: /x/")), [row])
    assert second.ready() == []
    assert second.finished
    assert second.failures == {
        "R": "Path cannot change while RoleName stays r: give it another name"
    }


def test_deletion_in_reverse(stack_of, deploy) -> None:
    """What a template no longer has is deleted, dependents first; what is gone already is fine."""
    _, rows = deploy(stack_of(ORDERS))
    rest = "Resources: {Dead: {Type: AWS::SQS::Queue}}"
    actions, after = deploy(stack_of(rest), rows)
    order = [name for kind, name in kinds(actions) if kind == "delete"]
    assert sorted(order) == ["Mapping", "Orders", "Permission", "Policy", "Role", "Worker"]
    assert order.index("Mapping") < order.index("Worker") < order.index("Orders")
    assert order.index("Policy") < order.index("Orders")
    assert [row.key for row in after] == ["Dead@0"]
    assert all(request.gone for action in actions for request in action.requests)


def test_retained_resources_are_let_go(stack_of, deploy) -> None:
    """DeletionPolicy: Retain leaves the thing and forgets it."""
    queue = "Type: AWS::SQS::Queue"
    text = f"Resources: {{Q: {{{queue}, DeletionPolicy: Retain}}, R: {{{queue}}}}}"
    _, rows = deploy(stack_of(text))
    actions, after = deploy(stack_of("Resources: {R: {Type: AWS::SQS::Queue}}"), rows)
    assert kinds(actions) == [("retain", "Q")]
    assert actions[0].requests == ()
    assert [row.logical_id for row in after] == ["R"]


def test_replaced_but_retained(stack_of, deploy) -> None:
    """UpdateReplacePolicy: Retain leaves what was replaced."""
    queue = "Type: AWS::SQS::Queue, Properties: {QueueName: a}"
    text = f"Resources: {{Q: {{{queue}, UpdateReplacePolicy: Retain}}}}"
    _, rows = deploy(stack_of(text))
    actions, _ = deploy(stack_of(text.replace("QueueName: a", "QueueName: b")), rows)
    assert kinds(actions) == [("replace", "Q"), ("retain", "Q")]


def test_a_failure_stops_what_depends_on_it(stack_of) -> None:
    """After a failure its dependents are skipped, the rest goes on and nothing is deleted."""
    first = Deployment(stack_of("Resources: {Old: {Type: AWS::SQS::Queue}}"))
    row = first.done(first.ready()[0].key, [{"QueueUrl": "http://x/000000000000/old"}])
    assert row
    deployment = Deployment(stack_of(ORDERS), [row])
    done = set()
    while ready := deployment.ready():
        for action in ready:
            if action.logical_id == "Orders":
                assert deployment.failed(action.key, "no") is None
            else:
                reply = {"QueueUrl": "u", "Role": {"Arn": "a", "RoleId": "i"}}
                deployment.done(action.key, [reply] * len(action.requests))
                done.add(action.logical_id)
    assert deployment.finished
    assert done == {"Dead", "Role"}
    assert deployment.failures["Orders"] == "no"
    assert set(deployment.failures) == {"Orders", "Policy", "Worker", "Mapping", "Permission"}
    assert {row.logical_id for row in deployment.rows()} == {"Old", "Dead", "Role"}
    assert "Url" not in deployment.outputs()


def test_a_failure_in_the_middle_leaves_the_row_unsure(stack_of, deploy) -> None:
    """What had begun when an action failed is not known; what had not begun is as before."""
    _, rows = deploy(stack_of(ORDERS))
    text = ORDERS.replace("Timeout: 10", "Timeout: 20").replace("return 1", "return 2")
    for replies, unsure in (([], False), ([{}], True)):
        deployment = Deployment(stack_of(text), rows)
        action = deployment.ready()[0]
        assert len(action.requests) == 2
        row = deployment.failed(action.key, "no", replies)
        assert row
        assert row.unsure is unsure
        assert row.properties["Timeout"] == 10
        assert row in deployment.rows()


def test_a_value_that_turns_out_wrong_fails_its_resource(stack_of) -> None:
    """What was pending is checked when it is known."""
    deployment = Deployment(
        stack_of("""
            Resources:
              A: {Type: AWS::SQS::Queue}
              B:
                Type: AWS::SQS::Queue
                Properties: {DelaySeconds: !Select [9, !Split [":", !GetAtt A.Arn]]}
              C: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: !Ref A}}
        """)
    )
    deployment.done(deployment.ready()[0].key, [{"QueueUrl": "http://x/000000000000/a"}])
    assert deployment.ready() == []
    assert "has no item 9" in deployment.failures["B"]
    assert "DelaySeconds is a whole number" in deployment.failures["C"]


@pytest.mark.parametrize(
    ("resource", "exists", "instead", "then"),
    [
        ("Orders", "QueueNameExists", "GetQueueUrl", "SetQueueAttributes"),
        ("Worker", "ResourceConflictException", "GetFunction", "UpdateFunctionCode"),
        (
            "Mapping",
            "ResourceConflictException",
            "ListEventSourceMappings",
            "UpdateEventSourceMapping",
        ),
    ],
)
def test_what_a_crash_left_is_taken_over(
    stack_of, deploy, resource: str, exists: str, instead: str, then: str
) -> None:
    """A creation whose end is not known meets its own leftover, adopts it and updates all of it."""
    _, rows = deploy(stack_of(ORDERS))
    begun = Deployment(stack_of(ORDERS), [row for row in rows if row.logical_id != resource])
    action = begun.ready()[0]
    assert action.logical_id == resource
    row = begun.begin(action.key)
    assert (row.unsure, dict(row.attributes)) == (True, {})
    assert not any(request.exists for request in action.requests)

    again = Deployment(stack_of(ORDERS), [*(r for r in rows if r.logical_id != resource), row])
    retry = again.ready()[0]
    assert retry.physical_id == action.physical_id
    assert exists in retry.requests[0].exists
    assert [request.operation for request in retry.requests[0].instead] == [instead]
    reply = {"QueueUrl": f"http://127.0.0.1:4566/000000000000/{retry.physical_id}"}
    found = {"EventSourceMappings": [{"UUID": "u-1"}]} if resource == "Mapping" else reply
    adopted = again.done(retry.key, [found], adopted=True)
    assert adopted
    assert adopted.unsure
    update = again.ready()[0]
    assert (update.kind, update.logical_id) == ("update", resource)
    assert then in [request.operation for request in update.requests]
    settled = again.done(update.key, [{}] * len(update.requests))
    assert settled
    assert not settled.unsure


def test_what_a_crash_may_have_left_is_deleted(stack_of, deploy) -> None:
    """A creation of unknown end that the template no longer has is deleted by name, gone or not."""
    text = "Resources: {A: {Type: AWS::SQS::Queue}, B: {Type: AWS::SQS::Queue}}"
    begun = Deployment(stack_of(text))
    row = begun.begin(begun.ready()[0].key)
    actions, after = deploy(stack_of("Resources: {B: {Type: AWS::SQS::Queue}}"), [row])
    url = f"https://sqs.us-east-1.amazonaws.com/000000000000/{row.physical_id}"
    assert calls(actions, "A") == [("DeleteQueue", {"QueueUrl": url})]
    assert [left.logical_id for left in after] == ["B"]


def test_an_update_of_unknown_end_is_made_again(stack_of, deploy) -> None:
    """After a crash in an update, all that can be set is set, even if the template went back."""
    _, rows = deploy(stack_of(ORDERS))
    unsure = [replace(row, unsure=row.logical_id == "Orders") for row in rows]
    actions, after = deploy(stack_of(ORDERS), unsure)
    assert kinds(actions) == [("update", "Orders")]
    assert set(calls(actions, "Orders")[0][1]["Attributes"]) == {
        "DelaySeconds",
        "RedrivePolicy",
        "VisibilityTimeout",
    }
    assert not any(row.unsure for row in after)


def test_code_as_zip_or_as_place(stack_of) -> None:
    """Packaged code is sent as the zip that was given for its folder, else named by its place."""
    text = """
        Resources:
          F:
            Type: AWS::Lambda::Function
            Properties:
              Code: {S3Bucket: redrive-local, S3Key: /cache/abc}
              Handler: a.b
              Role: r
              Runtime: python3.12
    """
    by_place = Deployment(stack_of(text)).ready()[0].requests[0].params["Code"]
    assert by_place == {"S3Bucket": "redrive-local", "S3Key": "/cache/abc"}
    sent = Deployment(stack_of(text), packages={"/cache/abc": b"zip"}).ready()[0]
    assert sent.requests[0].params["Code"] == {"ZipFile": b"zip"}


@pytest.mark.parametrize("stack", [1, 20, 128])
@pytest.mark.parametrize("resource", [1, 20, 255])
def test_name_lengths(stack: int, resource: int) -> None:
    """A generated name fits, keeps its whole end and loses no more than it must."""
    end = suffix("id", "R", 0, 0)
    name = physical_name("s" * stack, "R" * resource, end, 64)
    assert len(name) == min(64, stack + resource + 14)
    assert name.endswith(f"-{end}")
    assert name.startswith("s" * min(stack, 25))
    assert f"-{'R' * min(resource, 25)}" in name
