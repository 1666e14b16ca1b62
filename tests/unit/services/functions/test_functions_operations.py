"""Lambda's control plane through the registry, on a real store."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from functions_rig import ACCOUNT, ROLE, Rig
from stand_ins import REGION, caller, package

from redrive.core.errors import ServiceError
from redrive.services.functions.labels import HONOURED, LABELS

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders"
OTHER = "222222222222"
MISSING = f"Function not found: {ARN.replace('orders', 'nothing')}"


def refused(rig: Rig, operation: str, who: Any = None, /, **params: Any) -> ServiceError:
    """Return the error that an operation raises."""
    with pytest.raises(ServiceError) as error:
        rig.call(operation, who, **params)
    return error.value


def test_create_and_show(rig: Rig) -> None:
    """A created function is Active at the next look, with AWS's defaults, and shown alike."""
    created = rig.create()
    assert (created["State"], created["StateReasonCode"]) == ("Pending", "Creating")
    created = rig.call("GetFunctionConfiguration", FunctionName="orders")
    assert created == {
        "FunctionName": "orders",
        "FunctionArn": ARN,
        "Runtime": "python3.12",
        "Role": ROLE,
        "Handler": "app.handler",
        "CodeSize": len(package()),
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "LastModified": "2027-01-15T08:00:00.000+0000",
        "CodeSha256": base64.b64encode(hashlib.sha256(package()).digest()).decode(),
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": created["RevisionId"],
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/orders"},
        "State": "Active",
        "LastUpdateStatus": "Successful",
    }
    assert rig.call("GetFunctionConfiguration", FunctionName="orders") == created
    shown = rig.call("GetFunction", FunctionName=ARN)
    assert shown["Configuration"] == created
    assert set(shown) == {"Configuration", "Code"}
    location = shown["Code"]["Location"].removeprefix("file://")
    assert (Path(location) / "app.py").is_file()
    qualified = rig.call("GetFunction", FunctionName="orders", Qualifier="$LATEST")
    assert qualified["Configuration"]["FunctionArn"] == f"{ARN}:$LATEST"


def test_members_are_kept(rig: Rig) -> None:
    """What a request gives is shown again, labels too."""
    members = {
        "Description": "takes orders",
        "Timeout": 30,
        "MemorySize": 512,
        "Environment": {"Variables": {"TABLE": "t"}},
        "TracingConfig": {"Mode": "Active"},
        "EphemeralStorage": {"Size": 1_024},
        "Architectures": ["arm64"],
        "KMSKeyArn": "arn:aws:kms:us-east-1:1:key/k",
    }
    created = rig.create(Tags={"team": "shop"}, LoggingConfig={"LogFormat": "JSON"}, **members)
    assert {name: created[name] for name in members} == members
    assert created["LoggingConfig"] == {"LogFormat": "JSON", "LogGroup": "/aws/lambda/orders"}
    rig.call("PutFunctionConcurrency", FunctionName="orders", ReservedConcurrentExecutions=3)
    shown = rig.call("GetFunction", FunctionName="orders")
    assert shown["Tags"] == {"team": "shop"}
    assert shown["Concurrency"] == {"ReservedConcurrentExecutions": 3}


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        (
            {"Code": {}},
            "InvalidParameterValueException",
            "Please provide a source for function code.",
        ),
        (
            {"Code": {"ZipFile": b"x", "S3Bucket": "b", "S3Key": "k"}},
            "InvalidParameterValueException",
            "Please do not provide other FunctionCode parameters when providing a ZipFile.",
        ),
        (
            {"Code": {"S3Bucket": "deploy", "S3Key": "app.zip"}},
            "InvalidParameterValueException",
            "Error occurred while GetObject. S3 Error Code: NoSuchBucket. "
            "S3 Error Message: The specified bucket does not exist",
        ),
        (
            {"Code": {"S3Bucket": "redrive-local", "S3Key": "app.zip"}},
            "InvalidParameterValueException",
            "S3Key must be an absolute path when S3Bucket is redrive-local.",
        ),
        (
            {"Code": {"ZipFile": b"no zip"}},
            "InvalidParameterValueException",
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ),
        (
            {"Handler": None},
            "InvalidParameterValueException",
            "Runtime and Handler are mandatory parameters for functions created with "
            "deployment packages.",
        ),
        (
            {"PackageType": "Image", "Code": {"ImageUri": "i"}},
            "InvalidParameterValueException",
            "PackageType Image is not supported by this server. Use a Zip package.",
        ),
        (
            {"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"]},
            "InvalidParameterValueException",
            "Layer version arn:aws:lambda:us-east-1:000000000000:layer:l:1 does not exist.",
        ),
        (
            {"VpcConfig": {"SubnetIds": ["subnet-1"]}},
            "InvalidParameterValueException",
            "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. "
            "EC2 Error Message: The subnet ID 'subnet-1' does not exist",
        ),
        (
            {"VpcConfig": {"SecurityGroupIds": ["sg-1"]}},
            "InvalidParameterValueException",
            "Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. "
            "EC2 Error Message: The security group 'sg-1' does not exist",
        ),
        (
            {"CodeSigningConfigArn": "arn:csc"},
            "CodeSigningConfigNotFoundException",
            "The code signing configuration cannot be found. Check that the provided configuration "
            "is not deleted: arn:csc.",
        ),
        (
            {"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:1:q"}},
            "InvalidParameterValueException",
            "arn:aws:sqs:us-east-1:1:q cannot be delivered to: this server has no service sqs. "
            "It delivers to: nothing.",
        ),
        (
            {"Architectures": ["X86_64"]},
            "ValidationException",
            "1 validation error detected: Value '[X86_64]' at 'architectures' failed to satisfy "
            "constraint: Member must satisfy constraint: [Member must satisfy enum value set: "
            "[x86_64, arm64], Member must not be null]",
        ),
        (
            {"FunctionName": f"{ARN}:live"},
            "InvalidParameterValueException",
            "A function cannot be created with a qualifier in its name.",
        ),
        (
            {"FunctionName": ARN.replace(ACCOUNT, OTHER)},
            "AccessDeniedException",
            f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: "
            "lambda:CreateFunction on "
            f"resource: {ARN.replace(ACCOUNT, OTHER)} because no resource-based policy allows the "
            "lambda:CreateFunction action",
        ),
    ],
)
def test_creation_refused(rig: Rig, members: dict[str, Any], code: str, message: str) -> None:
    """What cannot be done is refused and leaves no function."""
    with pytest.raises(ServiceError) as error:
        rig.create(**{"FunctionName": "orders", **members})
    assert (error.value.code, error.value.message) == (code, message)
    assert rig.call("ListFunctions") == {"Functions": []}
    assert rig.room.code.hashes() == []


def test_empty_options_pass(rig: Rig) -> None:
    """Empty values, which tools send for "none", are no options."""
    rig.create(
        VpcConfig={"SubnetIds": [], "SecurityGroupIds": []},
        Layers=[],
        DeadLetterConfig={"TargetArn": ""},
        KMSKeyArn="",
        Publish=False,
        SnapStart={"ApplyOn": "None"},
    )


def test_duplicate(rig: Rig) -> None:
    """A name may be given once in an account and region, and again in others."""
    rig.create()
    with pytest.raises(ServiceError) as error:
        rig.create()
    assert (error.value.code, error.value.status) == ("ResourceConflictException", 409)
    assert error.value.message == "Function already exist: orders"
    rig.create("orders", caller(OTHER))
    rig.create("orders", caller(region="eu-west-1"))
    assert len(rig.call("ListFunctions")["Functions"]) == 1


def test_every_member_is_looked_at() -> None:
    """Each input member of these operations in AWS's model is honoured, kept or refused."""
    origin = (find_spec("botocore") or pytest.fail("botocore is not installed")).origin
    (path,) = (Path(str(origin)).parent / "data/lambda/2015-03-31").glob("service-2.json*")
    text = path.read_bytes()
    model = json.loads(gzip.decompress(text) if path.suffix == ".gz" else text)
    members = set(model["shapes"]["FunctionCode"]["members"])
    for name in (
        "CreateFunction",
        "UpdateFunctionCode",
        "UpdateFunctionConfiguration",
        "Invoke",
        "PutFunctionRecursionConfig",
        "PutRuntimeManagementConfig",
    ):
        members |= set(model["shapes"][model["operations"][name]["input"]["shape"]]["members"])
    labelled = {label.member for label in LABELS}
    assert labelled.isdisjoint(HONOURED)
    assert members == labelled | HONOURED
    assert len(labelled) == len(LABELS)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("GetFunction", {}),
        ("GetFunctionConfiguration", {}),
        ("UpdateFunctionConfiguration", {"Timeout": 5}),
        ("UpdateFunctionCode", {"ZipFile": package()}),
        ("DeleteFunction", {}),
        ("Invoke", {}),
        ("Invoke", {"InvocationType": "Event"}),
        ("Invoke", {"InvocationType": "DryRun"}),
        ("GetFunctionConcurrency", {}),
        ("AddPermission", {"StatementId": "s", "Action": "lambda:*", "Principal": "*"}),
        ("GetPolicy", {}),
        ("ListVersionsByFunction", {}),
        ("GetFunctionCodeSigningConfig", {}),
        ("GetRuntimeManagementConfig", {}),
    ],
)
def test_missing_function(rig: Rig, operation: str, params: dict[str, Any]) -> None:
    """Every operation on a function that is not there answers 404 with its ARN."""
    error = refused(rig, operation, FunctionName="nothing", **params)
    assert (error.code, error.status, error.message) == ("ResourceNotFoundException", 404, MISSING)
    assert error.extra == {"Type": "User"}


def test_missing_function_special_texts(rig: Rig) -> None:
    """Reservations and policies have texts of their own."""
    for operation in ("PutFunctionConcurrency", "DeleteFunctionConcurrency"):
        error = refused(rig, operation, FunctionName="nothing", ReservedConcurrentExecutions=1)
        assert error.message == f"{MISSING}:$LATEST"
    error = refused(rig, "RemovePermission", FunctionName="nothing", StatementId="s")
    assert error.message == f"No policy found for: {ARN.replace('orders', 'nothing')}"


def test_qualifiers(rig: Rig) -> None:
    """A qualifier that means nothing is told as AWS does; $LATEST goes with the function only."""
    rig.create()
    for operation in ("GetFunction", "Invoke", "GetFunctionConfiguration"):
        error = refused(rig, operation, FunctionName="orders", Qualifier="live")
        assert error.message == f"Function not found: {ARN}:live"
    error = refused(rig, "GetPolicy", FunctionName="orders", Qualifier="live")
    assert error.message == f"Cannot find alias arn: {ARN}:live"
    error = refused(rig, "DeleteFunction", FunctionName="orders", Qualifier="$LATEST")
    assert error.message == "$LATEST version cannot be deleted without deleting the function."
    error = refused(rig, "DeleteFunction", FunctionName="orders:7")
    assert error.message == f"Function not found: {ARN}"
    error = refused(
        rig, "PutFunctionConcurrency", FunctionName="orders:7", ReservedConcurrentExecutions=1
    )
    assert error.message == (
        "This operation is permitted on Lambda functions only. Aliases and versions do not support "
        "this operation. Please specify either a function name or an unqualified function ARN."
    )
    versions = rig.call("ListVersionsByFunction", FunctionName="orders")["Versions"]
    assert [version["FunctionArn"] for version in versions] == [f"{ARN}:$LATEST"]


def test_list_in_pages(rig: Rig) -> None:
    """Functions are listed by name in pages that neither miss nor repeat one, without states."""
    names = [f"f{number}" for number in range(7)]
    for name in reversed(names):
        rig.create(name)
    seen: list[str] = []
    marker = None
    pages = 0
    while pages == 0 or marker:
        page = rig.call("ListFunctions", MaxItems=3, Marker=marker)
        seen += [function["FunctionName"] for function in page["Functions"]]
        assert not {"State", "LastUpdateStatus"} & set(page["Functions"][0])
        marker = page.get("NextMarker")
        pages += 1
    assert (seen, pages) == (names, 3)
    every = rig.call("ListFunctions", FunctionVersion="ALL")["Functions"]
    assert every[0]["FunctionArn"].endswith(":f0:$LATEST")
    assert rig.call("ListFunctions", MasterRegion="ALL") == {"Functions": []}
    assert refused(rig, "ListFunctions", Marker="?").code == "InvalidParameterValueException"


def test_page_is_capped(rig: Rig) -> None:
    """No page has more than fifty functions, whatever was asked for."""
    for number in range(51):
        rig.create(f"f{number:02}")
    page = rig.call("ListFunctions", MaxItems=10_000)
    assert len(page["Functions"]) == 50
    rest = rig.call("ListFunctions", Marker=page["NextMarker"])
    assert [function["FunctionName"] for function in rest["Functions"]] == ["f50"]
    assert "NextMarker" not in rest


def test_update_configuration(rig: Rig) -> None:
    """Given members replace, others stay; the revision changes and guards the update."""
    created = rig.create(Environment={"Variables": {"A": "1"}}, Description="old", Timeout=9)
    rig.now_ms += 1_000
    update = {"FunctionName": "orders", "Environment": {"Variables": {"B": "2"}}, "Description": ""}
    error = refused(rig, "UpdateFunctionConfiguration", **update, RevisionId="stale")
    assert (error.code, error.status) == ("PreconditionFailedException", 412)
    assert error.message == (
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
    )
    updated = rig.call(
        "UpdateFunctionConfiguration", **update, RevisionId=created["RevisionId"], MemorySize=256
    )
    assert updated["Environment"] == {"Variables": {"B": "2"}}
    assert (updated["Description"], updated["MemorySize"], updated["Timeout"]) == ("", 256, 9)
    assert updated["RevisionId"] != created["RevisionId"]
    assert updated["LastModified"] == "2027-01-15T08:00:01.000+0000"
    cleared = rig.call(
        "UpdateFunctionConfiguration", FunctionName="orders", Environment={"Variables": {}}
    )
    assert "Environment" not in cleared
    assert (cleared["State"], cleared["LastUpdateStatus"]) == ("Active", "InProgress")
    cleared = rig.call("GetFunctionConfiguration", FunctionName="orders")
    assert (cleared["State"], cleared["LastUpdateStatus"]) == ("Active", "Successful")
    assert refused(rig, "UpdateFunctionConfiguration", FunctionName="orders", Timeout=901).code == (
        "ValidationException"
    )
    error = refused(rig, "UpdateFunctionConfiguration", FunctionName="orders", Runtime="go1.x")
    assert "is no longer supported" in error.message
    assert rig.call("GetFunctionConfiguration", FunctionName="orders") == cleared


def test_update_code(rig: Rig) -> None:
    """New code has a new hash, revision and directory; a dry run only tells."""
    rig.create()
    created = rig.call("GetFunctionConfiguration", FunctionName="orders")
    other = package("def handler(event, context):\n    return 2\n")
    dry = rig.call("UpdateFunctionCode", FunctionName="orders", ZipFile=other, DryRun=True)
    assert dry["CodeSha256"] != created["CodeSha256"]
    assert rig.call("GetFunctionConfiguration", FunctionName="orders") == created
    assert len(rig.room.code.hashes()) == 1
    error = refused(
        rig, "UpdateFunctionCode", FunctionName="orders", ZipFile=other, RevisionId="stale"
    )
    assert error.status == 412
    error = refused(rig, "UpdateFunctionCode", FunctionName="orders", ImageUri="i")
    assert error.message == (
        "Please don't provide ImageUri when updating a function with packageType Zip."
    )
    updated = rig.call(
        "UpdateFunctionCode", FunctionName="orders", ZipFile=other, Architectures=["arm64"]
    )
    assert updated["CodeSha256"] == dry["CodeSha256"]
    assert updated["RevisionId"] != created["RevisionId"]
    assert updated["Architectures"] == ["arm64"]


def test_local_code(rig: Rig, tmp_path: Path) -> None:
    """A directory of this machine is taken by its path under the bucket redrive-local."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "app.py").write_text("x = 1\n")
    rig.create(Code={"S3Bucket": "redrive-local", "S3Key": str(source)})
    location = rig.call("GetFunction", FunctionName="orders")["Code"]["Location"]
    assert Path(location.removeprefix("file://"), "app.py").read_text() == "x = 1\n"


def test_reserved_concurrency(rig: Rig) -> None:
    """Reservations are shown, counted against the account, replaced and given back."""
    rig.create()
    rig.create("other")
    assert rig.call("GetFunctionConcurrency", FunctionName="orders") == {}
    put = {"FunctionName": "orders", "ReservedConcurrentExecutions": 900}
    assert rig.call("PutFunctionConcurrency", **put) == {"ReservedConcurrentExecutions": 900}
    rig.call("PutFunctionConcurrency", **put)  # its own old reservation does not count against it
    error = refused(
        rig, "PutFunctionConcurrency", FunctionName="other", ReservedConcurrentExecutions=1
    )
    assert error.message == (
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100]."
    )
    rig.call("PutFunctionConcurrency", FunctionName="other", ReservedConcurrentExecutions=0)
    settings = rig.call("GetAccountSettings")
    assert settings["AccountLimit"]["ConcurrentExecutions"] == 1_000
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 100
    assert settings["AccountUsage"] == {"TotalCodeSize": 2 * len(package()), "FunctionCount": 2}
    assert rig.call("DeleteFunctionConcurrency", FunctionName="orders") == {}
    assert rig.call("GetFunctionConcurrency", FunctionName="orders") == {}


def test_tags(rig: Rig) -> None:
    """Tags are added, replaced, removed and listed by ARN."""
    rig.create(Tags={"a": "1"})
    rig.call("TagResource", Resource=ARN, Tags={"a": "2", "b": "3"})
    assert rig.call("ListTags", Resource=ARN) == {"Tags": {"a": "2", "b": "3"}}
    rig.call("UntagResource", Resource=ARN, TagKeys=["a", "nothing"])
    assert rig.call("ListTags", Resource=ARN) == {"Tags": {"b": "3"}}


@pytest.mark.parametrize(
    ("resource", "tags", "code", "message"),
    [
        (
            ARN.replace("orders", "nothing"),
            {"a": "1"},
            "ResourceNotFoundException",
            MISSING,
        ),
        (
            f"{ARN}:$LATEST",
            {"a": "1"},
            "InvalidParameterValueException",
            "Tags on function aliases and versions are not supported. "
            "Please specify a function ARN.",
        ),
        (
            ARN,
            {},
            "InvalidParameterValueException",
            "An error occurred and the request cannot be processed.",
        ),
        (
            ARN,
            {str(number): "" for number in range(51)},
            "InvalidParameterValueException",
            "Number of tags exceeds resource tag limit.",
        ),
    ],
)
def test_tags_refused(
    rig: Rig, resource: str, tags: dict[str, str], code: str, message: str
) -> None:
    """Tagging is refused in AWS's words."""
    rig.create()
    error = refused(rig, "TagResource", Resource=resource, Tags=tags)
    assert (error.code, error.message) == (code, message)


def test_tags_of_mappings_are_asked_for(rig: Rig) -> None:
    """The tags of an event source mapping are another service's: it is asked, its error passed
    on."""
    resource = f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:{'0' * 8}"
    error = refused(rig, "ListTags", Resource=resource)
    assert "ListMappingTags" in error.message


def test_permissions(rig: Rig) -> None:
    """Statements are added under a revision, shown as a policy, refused twice, and removed."""
    rig.create()
    name = {"FunctionName": "orders"}
    error = refused(rig, "GetPolicy", **name)
    assert error.message == "No policy is associated with the given resource."
    given = {
        "StatementId": "s3",
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
        "SourceArn": "arn:aws:s3:::bucket",
        "SourceAccount": OTHER,
    }
    statement = json.loads(rig.call("AddPermission", **name, **given)["Statement"])
    assert statement == {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN,
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": OTHER},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
        },
    }
    policy = rig.call("GetPolicy", **name)
    assert json.loads(policy["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": [statement],
    }
    error = refused(rig, "AddPermission", **name, **given)
    assert (error.code, error.message) == (
        "ResourceConflictException",
        "The statement id (s3) provided already exists. "
        "Please provide a new statement id, or remove the existing statement.",
    )
    error = refused(rig, "AddPermission", **name, **given, RevisionId="stale")
    assert error.message == (
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetPolicy API to retrieve the latest Revision Id"
    )
    error = refused(rig, "AddPermission", **name, **given, Qualifier="$LATEST")
    assert error.message == "We currently do not support adding policies for $LATEST."
    error = refused(rig, "RemovePermission", **name, StatementId="non-existent")
    assert error.message == "Statement non-existent is not found in resource policy."
    rig.call("RemovePermission", **name, StatementId="s3", RevisionId=policy["RevisionId"])
    assert refused(rig, "GetPolicy", **name).code == "ResourceNotFoundException"
    assert refused(rig, "RemovePermission", **name, StatementId="s3").message == (
        "No policy is associated with the given resource."
    )


def test_policy_length(rig: Rig) -> None:
    """A policy does not grow beyond 20 KB."""
    rig.create()
    with pytest.raises(ServiceError) as error:
        for number in range(200):
            rig.call(
                "AddPermission",
                FunctionName="orders",
                StatementId=f"s{number}",
                Action="lambda:InvokeFunction",
                Principal=OTHER,
                SourceArn="arn:aws:s3:::" + "b" * 100,
            )
    assert error.value.code == "PolicyLengthExceededException"
    assert len(rig.call("GetPolicy", FunctionName="orders")["Policy"]) <= 20_480


def test_other_accounts(rig: Rig) -> None:
    """Another account needs a statement for each action, and is not told what exists."""
    rig.create()
    stranger = caller(OTHER)
    for arn in (ARN, ARN.replace("orders", "nothing")):
        error = refused(rig, "Invoke", stranger, FunctionName=arn)
        assert (error.code, error.status) == ("AccessDeniedException", 403)
        assert error.message == (
            f"User: arn:aws:iam::{OTHER}:root is not authorized to perform: "
            f"lambda:InvokeFunction on resource: {arn} because no resource-based policy allows the "
            "lambda:InvokeFunction action"
        )
    grant = {"Action": "lambda:InvokeFunction", "Principal": OTHER}
    rig.call("AddPermission", FunctionName="orders", StatementId="s", **grant)
    assert rig.call("Invoke", stranger, FunctionName=ARN, Payload=b"1")["Payload"] == b"1"
    assert refused(rig, "DeleteFunction", stranger, FunctionName=ARN).status == 403
    assert refused(rig, "Invoke", stranger, FunctionName="orders").status == 404


def test_small_answers(rig: Rig) -> None:
    """What tools ask for besides is answered."""
    rig.create()
    name = {"FunctionName": "orders"}
    assert rig.call("GetFunctionCodeSigningConfig", **name) == {"FunctionName": "orders"}
    assert rig.call("GetRuntimeManagementConfig", **name) == {
        "UpdateRuntimeOn": "Auto",
        "FunctionArn": ARN,
    }


def test_describe_for_mapping(rig: Rig) -> None:
    """A mapping learns what it needs, or that the function does not exist."""
    rig.create(Timeout=9)
    rig.call("PutFunctionConcurrency", FunctionName="orders", ReservedConcurrentExecutions=2)
    assert rig.call("DescribeForMapping", FunctionName="orders") == {
        "arn": ARN,
        "name": "orders",
        "account": ACCOUNT,
        "region": REGION,
        "timeout_ms": 9_000,
        "reserved": 2,
    }
    error = refused(rig, "DescribeForMapping", FunctionName="nothing")
    assert (error.code, error.message) == (
        "InvalidParameterValueException",
        "Function does not exist",
    )


def test_delete_and_reset(rig: Rig) -> None:
    """A deleted function is gone; a reset empties one account in all regions and no other."""
    rig.create()
    assert rig.call("DeleteFunction", FunctionName="orders") == {"StatusCode": 204}
    assert refused(rig, "GetFunction", FunctionName="orders").status == 404
    rig.create()
    rig.create("far", caller(region="eu-west-1"))
    rig.create("theirs", caller(OTHER))
    rig.call("Invoke", FunctionName="orders", InvocationType="Event")
    rig.call("ResetAccount")
    assert rig.call("ListFunctions") == {"Functions": []}
    assert rig.call("ListFunctions", caller(region="eu-west-1")) == {"Functions": []}
    assert rig.call("DueAsyncEvents", Limit=9)["Events"] == []
    assert len(rig.call("ListFunctions", caller(OTHER))["Functions"]) == 1


def test_state_survives_a_restart(tmp_path: Path) -> None:
    """Functions, policies and reservations are there after a restart, with their code."""
    before = Rig(tmp_path)
    before.create(Tags={"a": "1"})
    before.call("PutFunctionConcurrency", FunctionName="orders", ReservedConcurrentExecutions=1)
    shown = before.call("GetFunction", FunctionName="orders")
    before.store.close()
    after = Rig(tmp_path)
    assert after.call("GetFunction", FunctionName="orders") == shown
    assert Path(shown["Code"]["Location"].removeprefix("file://"), "app.py").exists()
    after.store.close()


def test_a_runtime_that_the_machine_lacks_fails_the_function(rig: Rig) -> None:
    """It is created, is Failed with the reason, and is not invoked, in either way."""
    lacking = "No Node.js was found on this machine."
    object.__setattr__(rig.room, "trouble", lambda name: lacking if "node" in name else "")
    rig.create(Runtime="nodejs22.x")
    shown = rig.call("GetFunction", FunctionName="orders")["Configuration"]
    assert shown == rig.call("GetFunctionConfiguration", FunctionName="orders")
    assert (shown["State"], shown["StateReason"]) == ("Failed", lacking)
    assert shown["StateReasonCode"] == "InvalidRuntime"
    for kind in ("RequestResponse", "Event"):
        error = refused(rig, "Invoke", FunctionName="orders", InvocationType=kind)
        assert (error.code, error.status) == ("ResourceConflictException", 409)
        assert error.message.endswith("currently in the following state: Failed")
    rig.call("UpdateFunctionConfiguration", FunctionName="orders", Runtime="python3.12")
    assert rig.call("GetFunctionConfiguration", FunctionName="orders")["State"] == "Active"
    assert rig.call("Invoke", FunctionName="orders")["StatusCode"] == 200
