"""Roles and what they are granted, over the Query protocol as botocore speaks it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from identity_rig import T0, THEM, TRUSTS_LAMBDA, TRUSTS_US, US, Client, Rig, refused

SENDS = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}}'  # noqa: E501 - one document
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def make(iam: Client, name: str = "worker", **params: Any) -> Any:
    return iam("CreateRole", RoleName=name, AssumeRolePolicyDocument=TRUSTS_LAMBDA, **params)[
        "Role"
    ]


def test_a_role_is_what_was_asked_for(iam: Client) -> None:
    """What CreateRole says, GetRole says; times are whole seconds, the document is as it was."""
    made = make(
        iam,
        Path="/team/",
        Description="runs the orders",
        MaxSessionDuration=7200,
        Tags=[{"Key": "stage", "Value": "dev"}],
    )
    assert made["Arn"] == f"arn:aws:iam::{US}:role/team/worker"
    assert made["RoleId"].startswith("AROA")
    assert len(made["RoleId"]) == 21
    assert made["CreateDate"].timestamp() == T0 // 1000
    assert unquote(made["AssumeRolePolicyDocument"]) == TRUSTS_LAMBDA
    assert (made["Path"], made["MaxSessionDuration"]) == ("/team/", 7200)
    got = iam("GetRole", RoleName="worker")["Role"]
    assert got.pop("RoleLastUsed") == {}
    assert got == made
    assert make(iam, "other")["MaxSessionDuration"] == 3600
    (first, second) = iam("ListRoles")["Roles"]
    assert (first["RoleName"], second["RoleName"]) == ("other", "worker")
    assert "Tags" not in second


def test_names_are_an_accounts_and_not_told_apart_by_case(rig: Rig, iam: Client) -> None:
    """The same name twice is refused, in any case; another account has its own."""
    make(iam)
    with refused("EntityAlreadyExists", "Role with name WORKER already exists.", 409):
        make(iam, "WORKER")
    make(rig.client("iam", THEM))
    iam("DeleteRole", RoleName="Worker")
    text = "The role with name worker cannot be found."
    with refused("NoSuchEntity", text, 404):
        iam("GetRole", RoleName="worker")
    assert rig.client("iam", THEM)("GetRole", RoleName="worker")


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({"RoleName": "a b"}, "ValidationError", "at 'roleName' failed to satisfy constraint"),
        ({"RoleName": "a" * 65}, "ValidationError", "length less than or equal to 64"),
        ({"MaxSessionDuration": 1}, "ValidationError", "greater than or equal to 3600"),
        ({"Path": "x"}, "ValidationError", "at 'path'"),
        ({"AssumeRolePolicyDocument": "{"}, "MalformedPolicyDocument", "Syntax errors in policy."),
        ({"AssumeRolePolicyDocument": "{}"}, "MalformedPolicyDocument", "Syntax errors in policy."),
        ({"AssumeRolePolicyDocument": SENDS}, "MalformedPolicyDocument", "field Resource"),
        (
            {"AssumeRolePolicyDocument": SENDS.replace(', "Resource": "*"', "")},
            "MalformedPolicyDocument",
            "Missing required field Principal",
        ),
        (
            {"AssumeRolePolicyDocument": TRUSTS_LAMBDA.replace("sts:AssumeRole", "sqs:Send")},
            "MalformedPolicyDocument",
            "may only specify STS AssumeRole actions",
        ),
        (
            {"AssumeRolePolicyDocument": TRUSTS_US.replace(f":{US}:root", ":nobody")},
            "MalformedPolicyDocument",
            "Invalid principal in policy: ",
        ),
        (
            {"AssumeRolePolicyDocument": TRUSTS_US.replace("root", "user/" + "a" * 2048)},
            "LimitExceeded",
            "ACLSizePerRole: 2048",
        ),
        ({"PermissionsBoundary": f"{BASIC}s"}, "NoSuchEntity", "was not found"),
        (
            {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]},
            "InvalidInput",
            "Duplicate tag keys found.",
        ),
        ({"Tags": [{"Key": "aws:x", "Value": "1"}]}, "InvalidInput", "aws:"),
    ],
)
def test_bad_roles_are_refused(iam: Client, params: Any, code: str, text: str) -> None:
    """In AWS's words, and nothing is made."""
    given = {"RoleName": "worker", "AssumeRolePolicyDocument": TRUSTS_LAMBDA, **params}
    with refused(code, text):
        iam("CreateRole", **given)
    assert iam("ListRoles")["Roles"] == []


def test_a_role_changes(iam: Client) -> None:
    """Each of the operations that change a role changes its part and nothing else."""
    made = make(iam, Tags=[{"Key": "Stage", "Value": "dev"}])
    iam("UpdateRole", RoleName="worker", MaxSessionDuration=43200)
    iam("UpdateRoleDescription", RoleName="worker", Description="new")
    iam("UpdateAssumeRolePolicy", RoleName="worker", PolicyDocument=TRUSTS_US)
    iam("TagRole", RoleName="worker", Tags=[{"Key": "stage", "Value": "prod"}])
    iam("PutRolePermissionsBoundary", RoleName="worker", PermissionsBoundary=BASIC)
    role = iam("GetRole", RoleName="worker")["Role"]
    assert (role["MaxSessionDuration"], role["Description"]) == (43200, "new")
    assert unquote(role["AssumeRolePolicyDocument"]) == TRUSTS_US
    assert role["Tags"] == [{"Key": "stage", "Value": "prod"}]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == BASIC
    assert (role["RoleId"], role["CreateDate"]) == (made["RoleId"], made["CreateDate"])
    iam("UntagRole", RoleName="worker", TagKeys=["STAGE", "other"])
    assert iam("ListRoleTags", RoleName="worker")["Tags"] == []
    iam("DeleteRolePermissionsBoundary", RoleName="worker")
    with refused("NoSuchEntity", "does not have a permissions boundary"):
        iam("DeleteRolePermissionsBoundary", RoleName="worker")
    for number in range(50):
        iam("TagRole", RoleName="worker", Tags=[{"Key": f"k{number}", "Value": ""}])
    with refused("LimitExceeded", "maximum limit"):
        iam("TagRole", RoleName="worker", Tags=[{"Key": "k50", "Value": ""}])


def test_policies_inside_a_role(iam: Client) -> None:
    """They are put, replaced, shown and taken out, and hold the role while they are there."""
    make(iam)
    keys = {"RoleName": "worker", "PolicyName": "sends"}
    iam("PutRolePolicy", **keys, PolicyDocument=SENDS)
    assert unquote(iam("GetRolePolicy", **keys)["PolicyDocument"]) == SENDS
    other = SENDS.replace("Send", "Receive")
    iam("PutRolePolicy", **keys, PolicyDocument=other)
    assert json.loads(unquote(iam("GetRolePolicy", **keys)["PolicyDocument"])) == json.loads(other)
    assert iam("ListRolePolicies", RoleName="worker")["PolicyNames"] == ["sends"]
    with refused("DeleteConflict", "Cannot delete entity, must delete policies first.", 409):
        iam("DeleteRole", RoleName="worker")
    big = SENDS.replace('"*"', json.dumps([f"arn:aws:sqs:*:*:{'q' * 100}{n}" for n in range(80)]))
    with refused("LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role worker"):
        for name in ("a", "b"):
            iam("PutRolePolicy", RoleName="worker", PolicyName=name, PolicyDocument=big)
    for name in ("sends", "a"):
        iam("DeleteRolePolicy", RoleName="worker", PolicyName=name)
    for operation in ("GetRolePolicy", "DeleteRolePolicy"):
        with refused("NoSuchEntity", "The role policy with name sends cannot be found.", 404):
            iam(operation, **keys)
    iam("DeleteRole", RoleName="worker")


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("[]", "Syntax errors in policy."),
        (TRUSTS_US, "should not specify a principal."),
        (SENDS.replace('"Action": "sqs:SendMessage", ', ""), "must contain actions."),
        (SENDS.replace(', "Resource": "*"', ""), "must contain resources."),
        (SENDS.replace("sqs:SendMessage", "SendMessage"), "prefaced by a vendor"),
        (SENDS.replace('"*"', '"orders"'), 'Resource orders must be in ARN format or "*".'),
        (SENDS.replace("Allow", "Perhaps"), "neither Allow nor Deny"),
    ],
)
def test_bad_documents_are_refused(iam: Client, document: str, text: str) -> None:
    """In AWS's words where it has some."""
    make(iam)
    with refused("MalformedPolicyDocument", text, 400):
        iam("PutRolePolicy", RoleName="worker", PolicyName="p", PolicyDocument=document)


def test_attaching(iam: Client) -> None:
    """Of AWS's policies and of one's own, ten at most, each once; they hold the role."""
    make(iam)
    own = iam("CreatePolicy", PolicyName="mine", PolicyDocument=SENDS)["Policy"]["Arn"]
    for arn in (BASIC, own, BASIC):
        iam("AttachRolePolicy", RoleName="worker", PolicyArn=arn)
    attached = iam("ListAttachedRolePolicies", RoleName="worker")["AttachedPolicies"]
    names = [policy["PolicyName"] for policy in attached]
    assert names == ["mine", "AWSLambdaBasicExecutionRole"]
    below = iam("ListAttachedRolePolicies", RoleName="worker", PathPrefix="/service-role/")
    assert [policy["PolicyArn"] for policy in below["AttachedPolicies"]] == [BASIC]
    for arn in (f"{BASIC}s", f"arn:aws:iam::{US}:policy/none"):
        with refused("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", 404):
            iam("AttachRolePolicy", RoleName="worker", PolicyArn=arn)
        with refused("NoSuchEntity", f"Policy {arn} was not found.", 404):
            iam("DetachRolePolicy", RoleName="worker", PolicyArn=arn)
    with refused("InvalidInput", "is not valid."):
        iam("AttachRolePolicy", RoleName="worker", PolicyArn="AmazonSQSFullAccess!")
    with refused("DeleteConflict", "Cannot delete entity, must detach all policies first."):
        iam("DeleteRole", RoleName="worker")
    others = iam("ListPolicies", Scope="AWS", MaxItems=9)["Policies"]
    with refused("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10"):
        for policy in others:
            iam("AttachRolePolicy", RoleName="worker", PolicyArn=policy["Arn"])
    for policy in iam("ListAttachedRolePolicies", RoleName="worker")["AttachedPolicies"]:
        iam("DetachRolePolicy", RoleName="worker", PolicyArn=policy["PolicyArn"])
    assert iam("ListInstanceProfilesForRole", RoleName="worker")["InstanceProfiles"] == []
    iam("DeleteRole", RoleName="worker")


def test_lists_come_in_pages(iam: Client) -> None:
    """A marker goes on where the page ended, whatever has come or gone meanwhile."""
    for number in range(5):
        make(iam, f"r{number}", Path="/a/" if number else "/")
    page = iam("ListRoles", PathPrefix="/a/", MaxItems=2)
    assert [role["RoleName"] for role in page["Roles"]] == ["r1", "r2"]
    assert page["IsTruncated"]
    iam("DeleteRole", RoleName="r2")
    page = iam("ListRoles", PathPrefix="/a/", MaxItems=2, Marker=page["Marker"])
    assert [role["RoleName"] for role in page["Roles"]] == ["r3", "r4"]
    assert not page["IsTruncated"]
    assert "Marker" not in page
    with refused("ValidationError", "Invalid Marker."):
        iam("ListRoles", Marker="ä")


def test_what_is_not_built_says_so(iam: Client) -> None:
    """Users are not: the name of the operation is told, in the protocol's own form."""
    with refused("UnknownOperationException", "iam.CreateUser is not implemented", 404):
        iam("CreateUser", UserName="alice")


def test_a_reset_empties_one_account(rig: Rig, iam: Client) -> None:
    """Roles and policies of the account are gone, those of others are not."""
    for client in (iam, rig.client("iam", THEM)):
        make(client)
        policy = client("CreatePolicy", PolicyName="mine", PolicyDocument=SENDS)["Policy"]["Arn"]
        client("AttachRolePolicy", RoleName="worker", PolicyArn=policy)
    rig.internal("ResetAccount")
    assert iam("ListRoles")["Roles"] == iam("ListPolicies", Scope="Local")["Policies"] == []
    assert len(rig.client("iam", THEM)("ListRoles")["Roles"]) == 1
    make(iam)
    assert iam("ListAttachedRolePolicies", RoleName="worker")["AttachedPolicies"] == []
