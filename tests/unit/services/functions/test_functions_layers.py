"""Layers: numbers, lists, policies, and functions that use them."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from functions_rig import ACCOUNT, Rig
from stand_ins import REGION, caller, package

from redrive.core.effects import Ran
from redrive.core.errors import ServiceError
from redrive.services.functions import code
from redrive.services.functions.operations import packages
from redrive.services.functions.sweeper import GRACE_MS, Sweeper

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:tools"
OTHER = "111111111111"


def publish(rig: Rig, text: str = "x = 1\n", name: str = "tools", **members: Any) -> Any:
    """Publish a version of a layer with one module."""
    content = {"ZipFile": package(text)}
    return rig.call("PublishLayerVersion", LayerName=name, Content=content, **members)


def refused(rig: Rig, operation: str, **params: object) -> tuple[str, str]:
    """Return the code and the text of a refusal."""
    with pytest.raises(ServiceError) as caught:
        rig.call(operation, **params)
    return caught.value.code, caught.value.message


def use(rig: Rig, *arns: str) -> Any:
    """Let the function orders have layers."""
    return rig.call("UpdateFunctionConfiguration", FunctionName="orders", Layers=list(arns))


def test_versions_count_up(rig: Rig) -> None:
    """Each publication gets the next number, never a used one, and is shown as it was given."""
    first = publish(
        rig,
        Description="tools",
        LicenseInfo="MIT",
        CompatibleRuntimes=["python3.12"],
        CompatibleArchitectures=["arm64"],
    )
    assert (first["LayerArn"], first["LayerVersionArn"]) == (ARN, f"{ARN}:1")
    assert (first["Version"], first["Description"], first["LicenseInfo"]) == (1, "tools", "MIT")
    assert first["CompatibleRuntimes"] == ["python3.12"]
    place = Path(first["Content"]["Location"].removeprefix("file://"))
    assert (place / "app.py").read_text() == "x = 1\n"
    assert rig.call("GetLayerVersion", LayerName="tools", VersionNumber=1) == first
    assert rig.call("GetLayerVersionByArn", Arn=f"{ARN}:1") == first
    assert "LicenseInfo" not in publish(rig, "x = 2\n")
    rig.call("DeleteLayerVersion", LayerName=ARN, VersionNumber=2)
    rig.call("DeleteLayerVersion", LayerName="tools", VersionNumber=9)
    assert publish(rig, "x = 3\n")["Version"] == 3


def test_lists(rig: Rig) -> None:
    """Layers come by name with their newest fitting version, versions newest first, by pages."""
    for number, runtimes in enumerate((["python3.12"], ["python3.13"], ["python3.13"])):
        publish(rig, f"x = {number}\n", CompatibleRuntimes=runtimes)
    publish(rig, name="another", CompatibleArchitectures=["arm64"])
    listed = rig.call("ListLayers")["Layers"]
    assert [each["LayerName"] for each in listed] == ["another", "tools"]
    assert listed[1]["LatestMatchingVersion"]["Version"] == 3
    (old,) = rig.call("ListLayers", CompatibleRuntime="python3.12")["Layers"]
    assert old["LatestMatchingVersion"]["LayerVersionArn"] == f"{ARN}:1"
    (arm,) = rig.call("ListLayers", CompatibleArchitecture="arm64")["Layers"]
    assert arm["LayerName"] == "another"
    page = rig.call("ListLayers", MaxItems=1)
    (last,) = rig.call("ListLayers", Marker=page["NextMarker"])["Layers"]
    assert last["LayerArn"] == ARN
    page = rig.call("ListLayerVersions", LayerName="tools", MaxItems=2)
    assert [each["Version"] for each in page["LayerVersions"]] == [3, 2]
    rest = rig.call("ListLayerVersions", LayerName="tools", Marker=page["NextMarker"])
    assert [each["Version"] for each in rest["LayerVersions"]] == [1]
    assert "NextMarker" not in rest
    assert rig.call("ListLayerVersions", LayerName="nothing") == {"LayerVersions": []}


@pytest.mark.parametrize("operation", ["GetLayerVersion", "DeleteLayerVersion"])
def test_numbers_begin_at_one(rig: Rig, operation: str) -> None:
    """A number below 1 is refused in AWS's words."""
    assert refused(rig, operation, LayerName="tools", VersionNumber=0) == (
        "InvalidParameterValueException",
        "Layer Version Cannot be less than 1",
    )


def test_what_is_not_there(rig: Rig) -> None:
    """A version that does not exist is a 404, in the words of each operation."""
    code_and_text = ("ResourceNotFoundException", "The resource you requested does not exist.")
    assert refused(rig, "GetLayerVersion", LayerName="tools", VersionNumber=1) == code_and_text
    assert refused(rig, "GetLayerVersionByArn", Arn=f"{ARN}:1") == code_and_text
    place = {"LayerName": "tools", "VersionNumber": 1}
    for operation, params in (
        ("GetLayerVersionPolicy", {}),
        ("RemoveLayerVersionPermission", {"StatementId": "s"}),
        (
            "AddLayerVersionPermission",
            {"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*"},
        ),
    ):
        code_and_text = ("ResourceNotFoundException", f"Layer version {ARN}:1 does not exist.")
        assert refused(rig, operation, **place, **params) == code_and_text


def test_policy(rig: Rig) -> None:
    """Another account may use a version once a statement allows it, and no longer without."""
    publish(rig)
    place = {"LayerName": "tools", "VersionNumber": 1}
    statement = {"StatementId": "s1", "Action": "lambda:GetLayerVersion", "Principal": OTHER}
    stranger = caller(OTHER)
    with pytest.raises(ServiceError) as denied:
        rig.call("GetLayerVersionByArn", stranger, Arn=f"{ARN}:1")
    assert denied.value.code == "AccessDeniedException"
    added = rig.call("AddLayerVersionPermission", **place, **statement)
    told = json.loads(added["Statement"])
    assert (told["Sid"], told["Resource"]) == ("s1", f"{ARN}:1")
    assert rig.call("GetLayerVersionByArn", stranger, Arn=f"{ARN}:1")["Version"] == 1
    created = rig.create("theirs", stranger, Layers=[f"{ARN}:1"])
    assert created["Layers"][0]["Arn"] == f"{ARN}:1"
    assert refused(rig, "AddLayerVersionPermission", **place, **statement) == (
        "ResourceConflictException",
        "The statement id (s1) provided already exists. Please provide a new statement id, or "
        "remove the existing statement.",
    )
    stale = refused(
        rig, "RemoveLayerVersionPermission", **place, StatementId="s1", RevisionId="old"
    )
    assert stale == (
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy "
        "API to retrieve the latest Revision Id",
    )
    missing = refused(rig, "RemoveLayerVersionPermission", **place, StatementId="s2")
    assert missing[1] == "Statement s2 is not found in resource policy."
    shown = rig.call("GetLayerVersionPolicy", **place)
    assert json.loads(shown["Policy"])["Statement"] == [told]
    assert shown["RevisionId"] == added["RevisionId"]
    rig.call("RemoveLayerVersionPermission", **place, StatementId="s1")
    assert refused(rig, "GetLayerVersionPolicy", **place)[0] == "ResourceNotFoundException"
    with pytest.raises(ServiceError):
        rig.create("others", stranger, Layers=[f"{ARN}:1"])


def test_a_function_runs_with_its_layers(rig: Rig) -> None:
    """Layers are shown with the function, go to the runtime in their order, and belong to what a
    version keeps."""
    tools = publish(rig)
    more = publish(rig, name="more")
    created = rig.create(Layers=[more["LayerVersionArn"], tools["LayerVersionArn"]], Publish=True)
    size = tools["Content"]["CodeSize"]
    assert created["Layers"][1] == {"Arn": f"{ARN}:1", "CodeSize": size}
    rig.call("Invoke", FunctionName="orders")
    assert list(rig.runs[0].environment.layers) == [
        each["Content"]["Location"].removeprefix("file://") for each in (more, tools)
    ]
    assert "Layers" in rig.call("UpdateFunctionConfiguration", FunctionName="orders", Timeout=4)
    assert "Layers" not in use(rig)
    assert "Layers" in rig.call("GetFunctionConfiguration", FunctionName="orders:1")


@pytest.mark.parametrize(
    ("arns", "message"),
    [
        ([f"{ARN}:{number}" for number in range(1, 7)], "Cannot reference more than 5 layers."),
        ([f"{ARN}:9"], f"Layer version {ARN}:9 does not exist."),
        (
            [f"{ARN}:1", f"{ARN}:2"],
            "Two different versions of the same layer are not allowed to be referenced in the same "
            f"function. {ARN}:1 and {ARN}:2 are versions of the same layer.",
        ),
        (
            [f"{ARN}:1", f"{ARN}:1"],
            "Two different versions of the same layer are not allowed to be referenced in the same "
            f"function. {ARN}:1 and {ARN}:1 are versions of the same layer.",
        ),
        (
            [ARN.replace(REGION, "eu-west-1") + ":1"],
            "Layers are not in the same region as the function. Layers are expected to be in "
            f"region {REGION}.",
        ),
    ],
)
def test_layers_refused(rig: Rig, arns: list[str], message: str) -> None:
    """What AWS refuses is refused in its words, and the function stays as it was."""
    rig.create()
    publish(rig)
    publish(rig, "x = 2\n")
    params = {"FunctionName": "orders", "Layers": arns}
    found = refused(rig, "UpdateFunctionConfiguration", **params)
    assert found == ("InvalidParameterValueException", message)
    assert "Layers" not in rig.call("GetFunctionConfiguration", FunctionName="orders")


def test_size_with_layers(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code and layers together have a limit, whichever of them comes last."""
    monkeypatch.setattr(packages, "UNZIPPED_BYTES_MAX", 100)
    layer = publish(rig, "x" * 60)["LayerVersionArn"]
    rig.create(Code={"ZipFile": package("x" * 41)})
    text = (
        "Function code combined with layers exceeds the maximum allowed size of 100 bytes. "
        "The actual size is 101 bytes."
    )
    params = {"FunctionName": "orders", "Layers": [layer]}
    assert refused(rig, "UpdateFunctionConfiguration", **params)[1] == text
    rig.call("UpdateFunctionCode", FunctionName="orders", ZipFile=package("x" * 40))
    assert use(rig, layer)["Layers"]
    large = {"FunctionName": "orders", "ZipFile": package("y" * 41)}
    assert refused(rig, "UpdateFunctionCode", **large)[1] == text
    with pytest.raises(ServiceError):
        rig.create("other", Layers=[layer], Code={"ZipFile": package("z" * 41)})


def test_a_used_layer_stays_on_disk(rig: Rig) -> None:
    """The code of a deleted version goes when the last function has let go of it and no invocation
    runs it."""
    layer = publish(rig)
    place = Path(layer["Content"]["Location"].removeprefix("file://"))
    rig.create(Layers=[layer["LayerVersionArn"]], Code={"ZipFile": package("y = 1\n")})
    rig.call("DeleteLayerVersion", LayerName="tools", VersionNumber=1)
    rig.dispatch.post(Sweeper())
    rig.pass_time(rig.now_ms + 3 * GRACE_MS)
    assert place.exists(), "a function uses it"
    rig.ends = lambda run: None
    rig.start("Invoke", {"FunctionName": "orders"})
    use(rig)
    rig.pass_time(rig.now_ms + 3 * GRACE_MS)
    assert place.exists(), "an invocation runs it"
    rig.held.pop()(Ran(b"1"))
    rig.call("DeleteFunction", FunctionName="orders")
    rig.pass_time(rig.now_ms + 3 * GRACE_MS)
    assert not place.exists()


def test_account_usage_counts_layers(rig: Rig) -> None:
    """TotalCodeSize is that of all versions of functions and of layers."""
    size = len(package("x = 1\n"))
    publish(rig)
    rig.create(Code={"ZipFile": package("x = 1\n")}, Publish=True)
    assert rig.call("GetAccountSettings")["AccountUsage"]["TotalCodeSize"] == 3 * size


def test_sizes_are_of_what_was_unpacked(tmp_path: Path) -> None:
    """A package is measured by its files, not by what it was packed into."""
    store = code.CodeStore(tmp_path / "code")
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.txt", "x" * 5_000)
        archive.writestr("c.txt", "y" * 100)
    assert store.unpacked_bytes(store.put_zip(buffer.getvalue()).hash) == 5_100
