"""Provisioned concurrency, and the settings of a function that are kept only."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from delivery_rig import DeliveryRig
from functions_rig import ACCOUNT, T0
from stand_ins import REGION

from redrive.core.effects import Ran
from redrive.core.errors import ServiceError
from redrive.core.time import iso_lambda
from redrive.services.functions.operations.unoffered import UNOFFERED
from redrive.services.functions.provisioner import LOOK_MS, LOOK_SOON_MS, Provisioner

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[DeliveryRig]:
    """A function with versions 1 and 2, an alias `live` of 1; ten concurrent in all, two kept."""
    made = DeliveryRig(tmp_path, concurrency=10, unreserved_floor=2)
    made.create(Publish=True)
    made.call("UpdateFunctionConfiguration", FunctionName="orders", Timeout=9)
    made.call("PublishVersion", FunctionName="orders")
    made.call("CreateAlias", FunctionName="orders", Name="live", FunctionVersion="1")
    yield made
    made.store.close()


def put(rig: DeliveryRig, qualifier: str, count: int) -> Any:
    """Provision."""
    return rig.call(
        "PutProvisionedConcurrencyConfig",
        FunctionName="orders",
        Qualifier=qualifier,
        ProvisionedConcurrentExecutions=count,
    )


def shown(rig: DeliveryRig, qualifier: str) -> Any:
    """Show what is provisioned."""
    return rig.call("GetProvisionedConcurrencyConfig", FunctionName="orders", Qualifier=qualifier)


def refused(rig: DeliveryRig, operation: str, **params: object) -> tuple[str, str]:
    """Return the code and the text of a refusal."""
    with pytest.raises(ServiceError) as caught:
        rig.call(operation, **{"FunctionName": "orders", **params})
    return caught.value.code, caught.value.message


def refused_put(rig: DeliveryRig, qualifier: str, count: int) -> tuple[str, str]:
    """Return why so much is not provisioned."""
    return refused(
        rig,
        "PutProvisionedConcurrencyConfig",
        Qualifier=qualifier,
        ProvisionedConcurrentExecutions=count,
    )


def begin(rig: DeliveryRig, qualifier: str, count: int = 1) -> None:
    """Start invocations that go on."""
    rig.ends = lambda run: None
    for _ in range(count):
        rig.start("Invoke", {"FunctionName": "orders", "Qualifier": qualifier})


def test_in_progress_then_ready(rig: DeliveryRig) -> None:
    """What is wanted is started by the worker; the status is READY once all of it is warm."""
    rig.ready = lambda count: count - 1
    rig.dispatch.post(Provisioner())
    rig.pass_time(T0)
    told = put(rig, "live", 3)
    assert told == {
        "RequestedProvisionedConcurrentExecutions": 3,
        "AvailableProvisionedConcurrentExecutions": 0,
        "AllocatedProvisionedConcurrentExecutions": 0,
        "Status": "IN_PROGRESS",
        "LastModified": iso_lambda(T0),
    }
    assert rig.warmed == [("1", 3)]
    assert shown(rig, "live")["AllocatedProvisionedConcurrentExecutions"] == 2
    assert shown(rig, "live")["Status"] == "IN_PROGRESS"
    rig.ready = lambda count: count
    rig.pass_time(T0 + LOOK_SOON_MS)
    begin(rig, "live")
    now = shown(rig, "live")
    assert (now["Status"], now["AllocatedProvisionedConcurrentExecutions"]) == ("READY", 3)
    assert now["AvailableProvisionedConcurrentExecutions"] == 2
    rig.call("DeleteProvisionedConcurrencyConfig", FunctionName="orders", Qualifier="live")
    assert rig.warmed[-1] == ("1", 0)
    assert refused(rig, "GetProvisionedConcurrencyConfig", Qualifier="live") == (
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
    )


def test_it_follows_its_alias(rig: DeliveryRig) -> None:
    """When an alias moves, the other version is kept warm instead; weights share the number."""
    rig.dispatch.post(Provisioner())
    put(rig, "live", 4)
    rig.pass_time(T0)
    rig.warmed.clear()
    rig.call("UpdateAlias", FunctionName="orders", Name="live", FunctionVersion="2")
    rig.pass_time(T0 + LOOK_MS)
    assert rig.warmed == [("1", 0), ("2", 4)]
    rig.warmed.clear()
    weights = {"AdditionalVersionWeights": {"1": 0.25}}
    rig.call("UpdateAlias", FunctionName="orders", Name="live", RoutingConfig=weights)
    rig.pass_time(T0 + 2 * LOOK_MS)
    assert sorted(rig.warmed) == [("1", 1), ("2", 3)]


def test_it_is_kept_after_a_restart_and_gone_with_the_function(tmp_path: Path) -> None:
    """Rows survive the process; environments are started anew, and let go with their function."""
    before = DeliveryRig(tmp_path)
    before.create(Publish=True)
    put(before, "1", 2)
    before.store.close()
    after = DeliveryRig(tmp_path)
    assert shown(after, "1")["Status"] == "IN_PROGRESS"
    after.dispatch.post(Provisioner())
    after.pass_time(T0)
    assert shown(after, "1")["Status"] == "READY"
    after.call("DeleteFunction", FunctionName="orders")
    after.pass_time(T0 + LOOK_MS)
    assert after.warmed[-1] == ("1", 0)
    after.store.close()


def test_it_is_set_aside_and_spills_over(rig: DeliveryRig) -> None:
    """Provisioned invocations take nothing from the pool; more of them run on demand, up to what
    the pool has left."""
    put(rig, "1", 3)
    begin(rig, "1", 3)
    assert rig.room.running.of_pool(ACCOUNT, REGION) == 0
    begin(rig, "1", 2)
    assert rig.room.running.of_pool(ACCOUNT, REGION) == 2
    begin(rig, "$LATEST", 5)
    rig.create("other")
    for name in ("orders:1", "orders", "other"):
        with pytest.raises(ServiceError) as throttled:
            rig.call("Invoke", FunctionName=name)
        assert throttled.value.extra["Reason"] == "ConcurrentInvocationLimitExceeded"
    rig.held.pop(0)(Ran(b"1"))
    rig.settle()
    begin(rig, "1")
    assert len(rig.held) == 10
    settings = rig.call("GetAccountSettings")["AccountLimit"]
    assert settings["UnreservedConcurrentExecutions"] == 7


def test_out_of_a_reservation(rig: DeliveryRig) -> None:
    """Of a function with a reservation, what is provisioned for one version is not another's."""
    rig.call("PutFunctionConcurrency", FunctionName="orders", ReservedConcurrentExecutions=4)
    put(rig, "1", 3)
    begin(rig, "$LATEST")
    assert refused(rig, "Invoke", Qualifier="2")[0] == "TooManyRequestsException"
    begin(rig, "1", 3)
    assert len(rig.held) == 4
    assert refused(rig, "Invoke", Qualifier="1")[0] == "TooManyRequestsException"
    text = "Requested Provisioned Concurrency should not be greater than the "
    text += "reservedConcurrentExecution for function"
    assert refused_put(rig, "1", 5) == ("InvalidParameterValueException", text)
    assert refused_put(rig, "2", 2) == ("InvalidParameterValueException", text)
    put(rig, "1", 4)
    assert refused(rig, "PutFunctionConcurrency", ReservedConcurrentExecutions=3) == (
        "InvalidParameterValueException",
        " ReservedConcurrentExecutions  3 should not be lower than function's total provisioned "
        "concurrency [4].",
    )


def test_room_in_the_account(rig: DeliveryRig) -> None:
    """The account's own minimum stays, and what is replaced counts as free."""
    put(rig, "1", 8)
    put(rig, "1", 7)
    code = "InvalidParameterValueException"
    assert refused_put(rig, "1", 9) == (
        code,
        "Specified ConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [2].",
    )
    assert refused_put(rig, "2", 4) == (
        code,
        "Specified ConcurrentExecutions for function is greater than account's unreserved "
        "concurrency [3].",
    )
    put(rig, "1", 3)
    rig.call("PutFunctionConcurrency", FunctionName="orders", ReservedConcurrentExecutions=8)


def test_alias_and_version_exclude_each_other(rig: DeliveryRig) -> None:
    """A version is provisioned by its number or by an alias, not by both."""
    put(rig, "1", 1)
    assert refused_put(rig, "live", 1) == (
        "ResourceConflictException",
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned "
        "version",
    )
    rig.call("DeleteProvisionedConcurrencyConfig", FunctionName="orders", Qualifier="1")
    rig.call("DeleteProvisionedConcurrencyConfig", FunctionName="orders", Qualifier="1")
    put(rig, "live", 1)
    assert refused_put(rig, "1", 1) == (
        "ResourceConflictException",
        "Version is pointed by a Provisioned Concurrency alias",
    )


@pytest.mark.parametrize(
    ("name", "qualifier", "code", "message"),
    [
        (
            "orders",
            "$LATEST",
            "InvalidParameterValueException",
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
        ),
        (
            "orders",
            "noalias",
            "ResourceNotFoundException",
            f"Cannot find alias arn: {ARN}:noalias",
        ),
        ("orders", "7", "ResourceNotFoundException", f"Function not found: {ARN}:7"),
        ("nothing", "1", "ResourceNotFoundException", f"Function not found: {ARN[:-6]}nothing:1"),
        (
            "nothing",
            "noalias",
            "ResourceNotFoundException",
            f"Cannot find alias arn: {ARN[:-6]}nothing:noalias",
        ),
    ],
)
def test_what_cannot_be_provisioned(
    rig: DeliveryRig, name: str, qualifier: str, code: str, message: str
) -> None:
    """Only a published version or an alias that exists, in AWS's words."""
    params = {"FunctionName": name, "Qualifier": qualifier}
    count = {"ProvisionedConcurrentExecutions": 1}
    assert refused(rig, "PutProvisionedConcurrencyConfig", **params, **count) == (code, message)
    if qualifier == "$LATEST":
        message = "The function resource provided must be an alias or a published version."
    for operation in ("GetProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig"):
        assert refused(rig, operation, **params) == (code, message)


def test_list(rig: DeliveryRig) -> None:
    """Configurations are listed by qualifier, page by page, with the ARN of each."""
    put(rig, "2", 1)
    put(rig, "live", 2)
    operation, member = "ListProvisionedConcurrencyConfigs", "ProvisionedConcurrencyConfigs"
    page = rig.call(operation, FunctionName="orders", MaxItems=1)
    rest = rig.call(operation, FunctionName="orders", Marker=page["NextMarker"])
    assert [each["FunctionArn"] for each in (*page[member], *rest[member])] == [
        f"{ARN}:2",
        f"{ARN}:live",
    ]
    assert "NextMarker" not in rest


# --- settings that are kept -----------------------------------------------------------------------


def test_recursion_is_kept(rig: DeliveryRig) -> None:
    """RecursiveLoop is Terminate until it is set, and survives other changes."""
    assert rig.call("GetFunctionRecursionConfig", FunctionName="orders") == {
        "RecursiveLoop": "Terminate"
    }
    rig.call("PutFunctionRecursionConfig", FunctionName="orders", RecursiveLoop="Allow")
    rig.call("UpdateFunctionConfiguration", FunctionName="orders", Timeout=8)
    assert rig.call("GetFunctionRecursionConfig", FunctionName="orders") == {
        "RecursiveLoop": "Allow"
    }


def test_runtime_management_is_kept(rig: DeliveryRig) -> None:
    """$LATEST and versions have a mode of their own; Manual goes with a runtime's ARN only."""
    version_arn = f"arn:aws:lambda:{REGION}::runtime:abc"
    manual = {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": version_arn}
    put_mode, get_mode = "PutRuntimeManagementConfig", "GetRuntimeManagementConfig"
    told = rig.call(put_mode, FunctionName="orders", Qualifier="1", **manual)
    assert told == {**manual, "FunctionArn": f"{ARN}:1"}
    assert rig.call(get_mode, FunctionName="orders:1") == told
    rig.call(put_mode, FunctionName="orders", UpdateRuntimeOn="FunctionUpdate")
    rig.call("UpdateFunctionConfiguration", FunctionName="orders", Timeout=8)
    latest = {"UpdateRuntimeOn": "FunctionUpdate", "FunctionArn": ARN}
    assert rig.call(get_mode, FunctionName="orders") == latest
    assert rig.call(get_mode, FunctionName="orders:2")["UpdateRuntimeOn"] == "Auto"
    for params in ({"UpdateRuntimeOn": "Manual"}, {**manual, "UpdateRuntimeOn": "Auto"}):
        assert refused(rig, put_mode, **params)[0] == "InvalidParameterValueException"


def test_code_signing(rig: DeliveryRig) -> None:
    """No configuration exists that a function could be given."""
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:csc-{'0' * 17}"
    assert refused(rig, "PutFunctionCodeSigningConfig", CodeSigningConfigArn=arn) == (
        "CodeSigningConfigNotFoundException",
        "The code signing configuration cannot be found. Check that the provided configuration is "
        f"not deleted: {arn}.",
    )
    assert rig.call("DeleteFunctionCodeSigningConfig", FunctionName="orders") == {}
    assert rig.call("GetFunctionCodeSigningConfig", FunctionName="orders") == {
        "FunctionName": "orders"
    }


# --- what is not offered --------------------------------------------------------------------------


def _model() -> Any:
    origin = (find_spec("botocore") or pytest.fail("botocore is not installed")).origin
    (path,) = (Path(str(origin)).parent / "data/lambda/2015-03-31").glob("service-2.json*")
    text = path.read_bytes()
    return json.loads(gzip.decompress(text) if path.suffix == ".gz" else text)


@pytest.mark.parametrize("operation", sorted(UNOFFERED))
def test_what_is_not_offered_says_so(rig: DeliveryRig, operation: str) -> None:
    """An operation on what does not exist here is refused by name, with an error of its model."""
    code, text = refused(rig, operation)
    assert text.startswith(f"{operation} is not supported by this server. ")
    assert code in {each["shape"] for each in _model()["operations"][operation]["errors"]}


def test_what_can_only_be_empty(rig: DeliveryRig) -> None:
    """Lists of what does not exist are empty, and one of it is not found."""
    assert rig.call("ListCodeSigningConfigs") == {"CodeSigningConfigs": []}
    assert rig.call("ListCapacityProviders") == {"CapacityProviders": []}
    listed = rig.call("ListDurableExecutionsByFunction", FunctionName="orders")
    assert listed == {"DurableExecutions": []}
    assert refused(rig, "GetCodeSigningConfig", CodeSigningConfigArn="arn:c") == (
        "ResourceNotFoundException",
        "The Lambda code signing configuration arn:c can not be found.",
    )


def test_no_operation_is_unknown(rig: DeliveryRig) -> None:
    """Every operation of Lambda's model is served or refused; mappings' are another service's."""
    unknown = {name for name in _model()["operations"] if not rig.registry.has("lambda", name)}
    assert all("EventSourceMapping" in name for name in unknown), unknown
