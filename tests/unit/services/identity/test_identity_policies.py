"""Managed policies, one's own with their versions and AWS's."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from identity_rig import THEM, TRUSTS_LAMBDA, US, Client, Rig, refused

AWS = "arn:aws:iam::aws:policy/"


def document(action: str = "sqs:SendMessage") -> str:
    return json.dumps({"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}})


def make(iam: Client, name: str = "sends", **params: Any) -> Any:
    return iam("CreatePolicy", PolicyName=name, PolicyDocument=document(), **params)["Policy"]


def says(iam: Client, arn: str, version: str) -> Any:
    told = iam("GetPolicyVersion", PolicyArn=arn, VersionId=version)["PolicyVersion"]
    return json.loads(unquote(told["Document"]))["Statement"]["Action"]


def test_a_policy_is_what_was_asked_for(rig: Rig, iam: Client) -> None:
    """One version, attached to nothing; its name is taken, whatever the path."""
    made = make(iam, Path="/team/", Description="d", Tags=[{"Key": "k", "Value": "v"}])
    assert made["Arn"] == f"arn:aws:iam::{US}:policy/team/sends"
    assert made["PolicyId"].startswith("ANPA")
    assert (made["DefaultVersionId"], made["AttachmentCount"]) == ("v1", 0)
    assert iam("GetPolicy", PolicyArn=made["Arn"])["Policy"] == made
    text = "A policy called sends already exists. Duplicate names are not allowed."
    with refused("EntityAlreadyExists", text, 409):
        make(iam)
    with refused("NoSuchEntity", "was not found", 404):
        rig.client("iam", THEM)("GetPolicy", PolicyArn=made["Arn"])
    iam("TagPolicy", PolicyArn=made["Arn"], Tags=[{"Key": "K", "Value": "w"}])
    assert iam("ListPolicyTags", PolicyArn=made["Arn"])["Tags"] == [{"Key": "K", "Value": "w"}]
    iam("UntagPolicy", PolicyArn=made["Arn"], TagKeys=["k"])
    assert iam("GetPolicy", PolicyArn=made["Arn"])["Policy"]["Tags"] == []
    with refused("LimitExceeded", "PolicySize: 6144"):
        iam("CreatePolicy", PolicyName="big", PolicyDocument=document("sqs:" + "a" * 6144))


def test_versions(iam: Client) -> None:
    """Five at most; numbers are not used again; the default cannot go while it is."""
    arn = make(iam)["Arn"]
    for number in range(2, 6):
        told = iam(
            "CreatePolicyVersion",
            PolicyArn=arn,
            PolicyDocument=document(f"sqs:V{number}"),
            SetAsDefault=number == 3,
        )["PolicyVersion"]
        assert (told["VersionId"], told["IsDefaultVersion"]) == (f"v{number}", number == 3)
    with refused("LimitExceeded", "can have up to 5 versions"):
        iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=document())
    with refused("DeleteConflict", "Cannot delete the default version of a policy."):
        iam("DeletePolicyVersion", PolicyArn=arn, VersionId="v3")
    iam("SetDefaultPolicyVersion", PolicyArn=arn, VersionId="v5")
    iam("DeletePolicyVersion", PolicyArn=arn, VersionId="v3")
    with refused("NoSuchEntity", f"Policy {arn} version v3 does not exist", 404):
        iam("GetPolicyVersion", PolicyArn=arn, VersionId="v3")
    assert says(iam, arn, "v5") == "sqs:V5"
    page = iam("ListPolicyVersions", PolicyArn=arn, MaxItems=3)
    assert [version["VersionId"] for version in page["Versions"]] == ["v5", "v4", "v2"]
    page = iam("ListPolicyVersions", PolicyArn=arn, MaxItems=3, Marker=page["Marker"])
    assert [version["VersionId"] for version in page["Versions"]] == ["v1"]
    iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=document("sqs:V6"))
    assert says(iam, arn, "v6") == "sqs:V6"
    assert iam("GetPolicy", PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v5"
    with refused("DeleteConflict", "This policy has more than one version."):
        iam("DeletePolicy", PolicyArn=arn)


def test_what_has_a_policy(iam: Client) -> None:
    """Roles that it is attached to and roles that it bounds; it cannot go before them."""
    arn = make(iam)["Arn"]
    for name in ("a", "b"):
        iam("CreateRole", RoleName=name, AssumeRolePolicyDocument=TRUSTS_LAMBDA)
    iam("AttachRolePolicy", RoleName="a", PolicyArn=arn)
    iam("PutRolePermissionsBoundary", RoleName="b", PermissionsBoundary=arn)
    policy = iam("GetPolicy", PolicyArn=arn)["Policy"]
    assert (policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"]) == (1, 1)

    def names(**params: Any) -> list[str]:
        told = iam("ListEntitiesForPolicy", PolicyArn=arn, **params)
        return [role["RoleName"] for role in told["PolicyRoles"]]

    assert names() == ["a", "b"]
    assert names(PolicyUsageFilter="PermissionsBoundary") == ["b"]
    assert names(PolicyUsageFilter="PermissionsPolicy") == ["a"]
    assert names(EntityFilter="User") == []
    for name in ("a", "b"):
        with refused("DeleteConflict", "Cannot delete a policy attached to entities."):
            iam("DeletePolicy", PolicyArn=arn)
        if name == "a":
            iam("DetachRolePolicy", RoleName="a", PolicyArn=arn)
    iam("DeleteRolePermissionsBoundary", RoleName="b")
    iam("DeletePolicy", PolicyArn=arn)
    with refused("NoSuchEntity", f"Policy {arn} was not found."):
        iam("GetPolicy", PolicyArn=arn)


@pytest.mark.parametrize(
    "path",
    [
        "service-role/AWSLambdaBasicExecutionRole",
        "service-role/AWSLambdaSQSQueueExecutionRole",
        "service-role/AWSLambdaVPCAccessExecutionRole",
        "service-role/AWSLambdaRole",
        "AWSXRayDaemonWriteAccess",
        "AmazonSQSFullAccess",
        "AmazonSQSReadOnlyAccess",
        "AmazonSNSFullAccess",
        "AmazonEventBridgeFullAccess",
        "CloudWatchLogsFullAccess",
        "AdministratorAccess",
        "ReadOnlyAccess",
        "PowerUserAccess",
    ],
)
def test_aws_policies_that_templates_name(iam: Client, path: str) -> None:
    """They are there, with a document, and nobody can change them."""
    arn = AWS + path
    policy = iam("GetPolicy", PolicyArn=arn)["Policy"]
    assert (policy["PolicyName"], policy["Path"] + policy["PolicyName"]) == (
        path.rpartition("/")[2],
        f"/{path}",
    )
    told = iam("GetPolicyVersion", PolicyArn=arn, VersionId=policy["DefaultVersionId"])
    statements = json.loads(unquote(told["PolicyVersion"]["Document"]))["Statement"]
    assert all(statement["Effect"] == "Allow" for statement in statements)
    with refused("AccessDenied", f"iam:DeletePolicy on resource: policy {arn}", 403):
        iam("DeletePolicy", PolicyArn=arn)


def test_aws_policies_that_do_not_exist(iam: Client) -> None:
    """A name of AWS's that is not known, and a known one in the wrong place."""
    for arn in (f"{AWS}NoSuchAccess", f"{AWS}AWSLambdaBasicExecutionRole"):
        with refused("NoSuchEntity", f"Policy {arn} was not found.", 404):
            iam("GetPolicy", PolicyArn=arn)


def test_lists(iam: Client) -> None:
    """By scope, use and path, in pages that together hold everything once."""
    mine = make(iam, Path="/team/")["Arn"]
    make(iam, "unused")
    iam("CreateRole", RoleName="a", AssumeRolePolicyDocument=TRUSTS_LAMBDA)
    for arn in (mine, f"{AWS}AmazonSQSFullAccess"):
        iam("AttachRolePolicy", RoleName="a", PolicyArn=arn)

    def names(**params: Any) -> list[str]:
        return [policy["PolicyName"] for policy in iam("ListPolicies", **params)["Policies"]]

    assert sorted(names(Scope="Local")) == ["sends", "unused"]
    assert names(Scope="Local", OnlyAttached=True) == ["sends"]
    assert sorted(names(OnlyAttached=True)) == ["AmazonSQSFullAccess", "sends"]
    assert names(Scope="Local", PathPrefix="/team/") == ["sends"]
    assert names(PolicyUsageFilter="PermissionsBoundary") == []
    found: list[str] = []
    marker: dict[str, str] = {}
    while True:
        page = iam("ListPolicies", MaxItems=30, **marker)
        found += [policy["Arn"] for policy in page["Policies"]]
        if not page["IsTruncated"]:
            break
        marker = {"Marker": page["Marker"]}
    assert len(found) == len(set(found)) == len(iam("ListPolicies", MaxItems=1000)["Policies"])
    assert mine in found
