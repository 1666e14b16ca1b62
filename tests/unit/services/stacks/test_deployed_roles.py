"""Roles and policies of templates, as IAM has them afterwards."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from test_deployer import Rig, plan_of

from redrive.core.errors import ServiceError
from redrive.services.stacks.sam import expand_document
from redrive.services.stacks.template import load

BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
SQS = "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"
XRAY = "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"
TRUST = """
          AssumeRolePolicyDocument:
            Version: 2012-10-17
            Statement:
              - Effect: Allow
                Action: sts:AssumeRole
                Principal: {Service: lambda.amazonaws.com}
"""
TEMPLATE = f"""
    Resources:
      Orders: {{Type: AWS::SQS::Queue, Properties: {{QueueName: orders}}}}
      Worker:
        Type: AWS::IAM::Role
        Properties:
          RoleName: worker
          Path: /team/
          Description: works
          MaxSessionDuration: 7200
          Tags: [{{Key: stage, Value: dev}}]
          ManagedPolicyArns: [{BASIC}, {SQS}]
          Policies:
            - PolicyName: polls
              PolicyDocument:
                Statement: {{Effect: Allow, Action: sqs:ReceiveMessage, Resource: !GetAtt Orders.Arn}}
            - PolicyName: lists
              PolicyDocument: {{Statement: {{Effect: Allow, Action: sqs:ListQueues, Resource: '*'}}}}{TRUST}
      Sends:
        Type: AWS::IAM::Policy
        Properties:
          PolicyName: sends
          Roles: [!Ref Worker]
          PolicyDocument: {{Statement: {{Effect: Allow, Action: sqs:SendMessage, Resource: '*'}}}}
      Moves:
        Type: AWS::IAM::ManagedPolicy
        Properties:
          ManagedPolicyName: moves
          Roles: [!Ref Worker]
          PolicyDocument: {{Statement: {{Effect: Allow, Action: sqs:StartMessageMoveTask, Resource: '*'}}}}
    Outputs:
      Arn: {{Value: !GetAtt Worker.Arn}}
      Id: {{Value: !GetAtt Worker.RoleId}}
      Moves: {{Value: !Ref Moves}}
"""  # noqa: E501 - YAML in flow style


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A server that has just started."""
    made = Rig(tmp_path)
    made.start()
    yield made
    made.store.close()


def deployed(rig: Rig, template: str) -> dict[str, str]:
    told = rig.deploy(template)
    assert told["Failures"] == []
    return {output["Name"]: output["Value"] for output in told["Outputs"]}


def attached(rig: Rig) -> list[str]:
    told = rig.call("iam", "ListAttachedRolePolicies", RoleName="worker")
    return [policy["PolicyArn"] for policy in told["AttachedPolicies"]]


def action_of(rig: Rig, name: str) -> Any:
    told = rig.call("iam", "GetRolePolicy", RoleName="worker", PolicyName=name)
    return json.loads(unquote(told["PolicyDocument"]))["Statement"]["Action"]


def names(rig: Rig) -> list[str]:
    return list(rig.call("iam", "ListRolePolicies", RoleName="worker")["PolicyNames"])


def test_what_a_template_says_is_in_iam(rig: Rig) -> None:
    """Role, policies inside, attachments; Ref and GetAtt are the real ones."""
    outputs = deployed(rig, TEMPLATE)
    role = rig.call("iam", "GetRole", RoleName="worker")["Role"]
    assert outputs["Arn"] == role["Arn"] == "arn:aws:iam::111122223333:role/team/worker"
    assert outputs["Id"] == role["RoleId"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("works", 7200)
    assert role["Tags"] == [{"Key": "stage", "Value": "dev"}]
    assert names(rig) == ["lists", "polls", "sends"]
    assert action_of(rig, "polls") == "sqs:ReceiveMessage"
    assert outputs["Moves"] == "arn:aws:iam::111122223333:policy/moves"
    assert sorted(attached(rig)) == sorted([BASIC, SQS, outputs["Moves"]])


def test_a_change_changes_what_differs(rig: Rig) -> None:
    """What the template drops goes; what somebody else has put there stays."""
    first = deployed(rig, TEMPLATE)
    document = '{"Statement": {"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}}'
    by_hand = {"RoleName": "worker", "PolicyName": "by-hand", "PolicyDocument": document}
    rig.call("iam", "PutRolePolicy", **by_hand)
    rig.call("iam", "AttachRolePolicy", RoleName="worker", PolicyArn=XRAY)
    changed = (
        TEMPLATE.replace(f", {SQS}", "")
        .replace("PolicyName: lists", "PolicyName: counts")
        .replace("PolicyName: sends", "PolicyName: posts")
        .replace("sqs:StartMessageMoveTask", "sqs:*MessageMoveTask")
        .replace("          Description: works\n", "")
    )
    second = deployed(rig, changed)
    assert second["Id"] == first["Id"]
    assert "Description" not in rig.call("iam", "GetRole", RoleName="worker")["Role"]
    assert names(rig) == ["by-hand", "counts", "polls", "posts"]
    assert sorted(attached(rig)) == sorted([BASIC, XRAY, first["Moves"]])
    policy = rig.call("iam", "GetPolicy", PolicyArn=first["Moves"])["Policy"]
    assert policy["DefaultVersionId"] == "v2"
    for number in range(6):  # more than there may be versions
        deployed(rig, changed.replace("sqs:*MessageMoveTask", f"sqs:Move{number}"))
    told = rig.call("iam", "ListPolicyVersions", PolicyArn=first["Moves"])["Versions"]
    assert [version["VersionId"] for version in told] == ["v8", "v7", "v6", "v5", "v4"]


def test_what_a_template_no_longer_has_is_gone(rig: Rig) -> None:
    """Whatever else hangs on it; and what is gone already is no error."""
    outputs = deployed(rig, TEMPLATE)
    rig.call("iam", "AttachRolePolicy", RoleName="worker", PolicyArn=XRAY)
    rig.call("iam", "DeleteRolePolicy", RoleName="worker", PolicyName="sends")
    deployed(rig, "Resources: {Orders: {Type: AWS::SQS::Queue, Properties: {QueueName: orders}}}")
    assert rig.call("iam", "ListRoles")["Roles"] == []
    with pytest.raises(ServiceError, match="NoSuchEntity"):
        rig.call("iam", "GetPolicy", PolicyArn=outputs["Moves"])
    deployed(rig, TEMPLATE)
    assert names(rig) == ["lists", "polls", "sends"]


SAM = """
    Transform: AWS::Serverless-2016-10-31
    Resources:
      Orders: {Type: AWS::SQS::Queue, Properties: {QueueName: orders}}
      Worker:
        Type: AWS::Serverless::Function
        Properties:
          CodeUri: .
          Handler: a.b
          Runtime: python3.12
          Policies:
            - AmazonSNSReadOnlyAccess
            - SQSPollerPolicy: {QueueName: !GetAtt Orders.QueueName}
"""


def test_the_roles_that_sam_makes(rig: Rig) -> None:
    """Policy templates become policies inside the role, names of AWS's policies attachments."""
    document = expand_document(load(textwrap.dedent(SAM)), {}, "eu-west-1")
    resources = document.body["Resources"]
    for name in [name for name, each in resources.items() if "Lambda" in each["Type"]]:
        del resources[name]  # nothing runs functions here
    deployed(rig, json.dumps(document.body))
    (role,) = rig.call("iam", "ListRoles")["Roles"]
    name = role["RoleName"]
    assert name.startswith("shop-WorkerRole-")
    told = rig.call("iam", "ListAttachedRolePolicies", RoleName=name)["AttachedPolicies"]
    found = [policy["PolicyName"] for policy in told]
    assert found == ["AmazonSNSReadOnlyAccess", "AWSLambdaBasicExecutionRole"]
    (inline,) = rig.call("iam", "ListRolePolicies", RoleName=name)["PolicyNames"]
    told = rig.call("iam", "GetRolePolicy", RoleName=name, PolicyName=inline)
    (statement,) = json.loads(unquote(told["PolicyDocument"]))["Statement"]
    assert "sqs:ReceiveMessage" in statement["Action"]
    assert statement["Resource"] == "arn:aws:sqs:eu-west-1:111122223333:orders"


def test_a_role_of_somebody_elses_is_not_taken(rig: Rig) -> None:
    """A new role's name must be free; a policy must exist to be attached."""
    deployed(rig, TEMPLATE)
    told = rig.deploy(TEMPLATE.replace("      Worker:", "      Other:").replace("Worker", "Other"))
    (failure,) = [each for each in told["Failures"] if each["LogicalId"] == "Other"]
    assert failure["Message"] == "EntityAlreadyExists: Role with name worker already exists."
    told = rig.deploy(TEMPLATE.replace(BASIC, f"{BASIC}s"))
    (failure,) = [each for each in told["Failures"] if each["LogicalId"] == "Worker"]
    assert failure["Message"] == (
        f"NoSuchEntity: Policy {BASIC}s does not exist or is not attachable."
    )


def test_a_crash_in_the_middle_is_made_good(tmp_path: Path) -> None:
    """After any number of commits the next start ends what was begun, with one role."""
    steps = 0
    while True:
        folder = tmp_path / str(steps)
        folder.mkdir()
        rig = Rig(folder)
        rig.start()
        replies = rig.enter("redrive", "Deploy", StackName="shop", Plan=plan_of(TEMPLATE))
        is_done = rig.settle(steps) < steps and bool(replies)
        rig.store.close()
        rig = Rig(folder)
        rig.start()
        rig.settle()
        if rig.call("iam", "ListRoles")["Roles"]:
            assert names(rig) == ["lists", "polls", "sends"]
            assert len(attached(rig)) == 3
        rig.store.close()
        if is_done:
            break
        steps += 1
    assert steps > 4
