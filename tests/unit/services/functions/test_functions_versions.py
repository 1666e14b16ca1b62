"""Published versions and aliases: what they hold, what they refuse, and who takes an invocation."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from stand_ins import REGION, caller, package
from tests.unit.services.functions.functions_rig import ACCOUNT, Rig

from redrive.core.effects import Ran
from redrive.core.errors import ServiceError

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders"
OTHER = package("def handler(event, context):\n    return 2\n")


def refused(rig: Rig, operation: str, **params: object) -> ServiceError:
    """Return the error that an operation is refused with."""
    with pytest.raises(ServiceError) as caught:
        rig.call(operation, **params)
    return caught.value


def published(rig: Rig, count: int) -> None:
    """Publish versions 1, 2, ... of a function that differ."""
    rig.create()
    for number in range(1, count + 1):
        rig.call("UpdateFunctionConfiguration", FunctionName="orders", Timeout=10 + number)
        assert rig.call("PublishVersion", FunctionName="orders")["Version"] == str(number)


def test_a_version_is_what_latest_was(rig: Rig) -> None:
    """A version keeps code and configuration; what belongs to the function is shown with it."""
    rig.create(Description="first", Tags={"team": "shop"})
    version = rig.call("PublishVersion", FunctionName="orders", Description="released")
    assert (version["Version"], version["FunctionArn"]) == ("1", f"{ARN}:1")
    assert version["Description"] == "released"
    rig.call("UpdateFunctionCode", FunctionName="orders", ZipFile=OTHER)
    rig.call("UpdateFunctionConfiguration", FunctionName="orders", MemorySize=512)
    shown = rig.call("GetFunction", FunctionName="orders", Qualifier="1")
    assert shown["Configuration"]["CodeSha256"] == version["CodeSha256"]
    assert shown["Configuration"]["MemorySize"] == 128
    assert shown["Tags"] == {"team": "shop"}
    assert rig.call("GetFunctionConfiguration", FunctionName="orders:1") == shown["Configuration"]
    latest = rig.call("GetFunctionConfiguration", FunctionName="orders")
    assert (latest["Version"], latest["MemorySize"]) == ("$LATEST", 512)


def test_publishing_what_has_not_changed_gives_the_last_version(rig: Rig) -> None:
    """A number is given for a change only, and never twice, whatever was deleted meanwhile."""
    rig.create()
    first = rig.call("PublishVersion", FunctionName="orders")
    assert rig.call("PublishVersion", FunctionName="orders", Description="again") == first
    updated = rig.call("UpdateFunctionCode", FunctionName="orders", ZipFile=OTHER, Publish=True)
    assert (updated["Version"], updated["FunctionArn"]) == ("2", f"{ARN}:2")
    rig.call("DeleteFunction", FunctionName="orders", Qualifier="2")
    assert rig.call("PublishVersion", FunctionName="orders")["Version"] == "3"


def test_create_and_publish(rig: Rig) -> None:
    """CreateFunction with Publish answers with version 1."""
    created = rig.create(Publish=True)
    assert (created["Version"], created["State"]) == ("1", "Pending")
    assert rig.call("GetFunction", FunctionName="orders:1")["Configuration"]["State"] == "Active"


def test_publishing_guards(rig: Rig) -> None:
    """A revision or a hash that is not that of $LATEST refuses the publication."""
    rig.create()
    error = refused(rig, "PublishVersion", FunctionName="orders", RevisionId="stale")
    assert (error.code, error.status) == ("PreconditionFailedException", 412)
    current = rig.call("GetFunctionConfiguration", FunctionName="orders")["CodeSha256"]
    error = refused(rig, "PublishVersion", FunctionName="orders", CodeSha256="other")
    assert error.message == (
        f"CodeSHA256 (other) is different from current CodeSHA256 in $LATEST ({current}). "
        "Please try again with the CodeSHA256 in $LATEST."
    )
    error = refused(rig, "PublishVersion", FunctionName="nothing")
    assert error.message == f"Function not found: {ARN.replace('orders', 'nothing')}"
    rig.call("PublishVersion", FunctionName="orders", CodeSha256=current)


def test_versions_are_listed_in_pages(rig: Rig) -> None:
    """$LATEST comes first, then the numbers in their order; no page misses or repeats one."""
    published(rig, 12)
    seen: list[str] = []
    marker = None
    while marker or not seen:
        page = rig.call("ListVersionsByFunction", FunctionName="orders", MaxItems=5, Marker=marker)
        seen += [version["Version"] for version in page["Versions"]]
        marker = page.get("NextMarker")
    assert seen == ["$LATEST", *map(str, range(1, 13))]
    every: list[str] = []
    while marker or not every:
        page = rig.call("ListFunctions", FunctionVersion="ALL", MaxItems=4, Marker=marker)
        every += [function["Version"] for function in page["Functions"]]
        marker = page.get("NextMarker")
    assert every == seen
    assert len(rig.call("ListFunctions")["Functions"]) == 1


def test_an_alias_from_its_creation_to_its_end(rig: Rig) -> None:
    """An alias names a version, is found by its name, changes as a whole and goes quietly."""
    published(rig, 2)
    alias = rig.call(
        "CreateAlias", FunctionName="orders", Name="live", FunctionVersion="1", Description="d"
    )
    assert alias == {
        "AliasArn": f"{ARN}:live",
        "Name": "live",
        "FunctionVersion": "1",
        "Description": "d",
        "RevisionId": alias["RevisionId"],
    }
    assert rig.call("GetAlias", FunctionName="orders", Name="live") == alias
    shown = rig.call("GetFunction", FunctionName="orders", Qualifier="live")["Configuration"]
    assert (shown["Version"], shown["FunctionArn"]) == ("1", f"{ARN}:live")
    stale = {"FunctionName": "orders", "Name": "live", "RevisionId": "stale"}
    assert refused(rig, "UpdateAlias", **stale).status == 412
    moved = rig.call(
        "UpdateAlias",
        FunctionName="orders",
        Name="live",
        FunctionVersion="2",
        RevisionId=alias["RevisionId"],
    )
    assert (moved["FunctionVersion"], moved["Description"]) == ("2", "d")
    assert moved["RevisionId"] != alias["RevisionId"]
    rig.call("CreateAlias", FunctionName="orders", Name="beta", FunctionVersion="$LATEST")
    listed = rig.call("ListAliases", FunctionName="orders")["Aliases"]
    assert [each["Name"] for each in listed] == ["beta", "live"]
    of_two = rig.call("ListAliases", FunctionName="orders", FunctionVersion="2")["Aliases"]
    assert [each["Name"] for each in of_two] == ["live"]
    assert rig.call("ListAliases", FunctionName="orders", MaxItems=1)["NextMarker"]
    error = refused(rig, "DeleteFunction", FunctionName="orders", Qualifier="2")
    assert error.message.endswith("the following aliases reference it: [live]")
    error = refused(rig, "DeleteFunction", FunctionName="orders", Qualifier="live")
    assert error.message == "Deletion of aliases is not currently supported."
    for _ in range(2):
        rig.call("DeleteAlias", FunctionName="orders", Name="live")
    error = refused(rig, "GetAlias", FunctionName="orders", Name="live")
    assert error.message == f"Cannot find alias arn: {ARN}:live"
    rig.call("DeleteFunction", FunctionName="orders", Qualifier="2")


@pytest.mark.parametrize(
    ("members", "code", "text"),
    [
        ({"FunctionVersion": "9"}, "ResourceNotFoundException", f"Function not found: {ARN}:9"),
        (
            {"RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1, "3": 0.1}}},
            "InvalidParameterValueException",
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ),
        (
            {"RoutingConfig": {"AdditionalVersionWeights": {"1": 0.1}}},
            "InvalidParameterValueException",
            "Invalid function version 1. Function version 1 is already included in routing "
            "configuration.",
        ),
        (
            {"RoutingConfig": {"AdditionalVersionWeights": {"2": 2.0}}},
            "ValidationException",
            "1 validation error detected: Value '{2=2.0}' at "
            "'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must "
            "satisfy constraint: [Member must have value less than or equal to 1.0, Member must "
            "have value greater than or equal to 0.0, Member must not be null]",
        ),
        (
            {"RoutingConfig": {"AdditionalVersionWeights": {"10": 0.5}}},
            "ResourceNotFoundException",
            f"Function not found: {ARN}:10",
        ),
        (
            {
                "FunctionVersion": "$LATEST",
                "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}},
            },
            "InvalidParameterValueException",
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ),
        (
            {"Name": "taken"},
            "ResourceConflictException",
            f"Alias already exists: {ARN}:taken",
        ),
    ],
)
def test_aliases_refused(rig: Rig, members: dict[str, object], code: str, text: str) -> None:
    """What AWS refuses of an alias is refused in its words."""
    published(rig, 3)
    rig.call("CreateAlias", FunctionName="orders", Name="taken", FunctionVersion="1")
    params = {"FunctionName": "orders", "Name": "live", "FunctionVersion": "1", **members}
    error = refused(rig, "CreateAlias", **params)
    assert (error.code, error.message) == (code, text)


def test_an_update_of_a_missing_alias(rig: Rig) -> None:
    """UpdateAlias has words of its own for it."""
    rig.create()
    error = refused(rig, "UpdateAlias", FunctionName="orders", Name="none", FunctionVersion="1")
    assert error.message == f"Alias not found: {ARN}:none"


def test_invocations_go_where_the_qualifier_says(rig: Rig) -> None:
    """A version runs as it was published, under an ARN as it was asked for."""
    published(rig, 1)
    rig.call("UpdateFunctionCode", FunctionName="orders", ZipFile=OTHER)
    rig.call("CreateAlias", FunctionName="orders", Name="live", FunctionVersion="1")
    answers = [
        rig.call("Invoke", FunctionName="orders", Qualifier=qualifier)["ExecutedVersion"]
        for qualifier in (None, "$LATEST", "1", "live")
    ]
    assert answers == ["$LATEST", "$LATEST", "1", "1"]
    assert [run.invoked_arn for run in rig.runs] == [
        ARN,
        f"{ARN}:$LATEST",
        f"{ARN}:1",
        f"{ARN}:live",
    ]
    places = [run.environment for run in rig.runs]
    assert [place.timeout_ms for place in places] == [11_000] * 4
    assert places[0] == places[1] != places[2] == places[3]
    assert places[0].code_path != places[2].code_path


def test_weights_share_the_invocations(rig: Rig) -> None:
    """A weight of one takes every invocation, of zero none; they may be changed and taken away."""
    published(rig, 2)

    def executed() -> set[str]:
        return {
            rig.call("Invoke", FunctionName="orders:live")["ExecutedVersion"] for _ in range(20)
        }

    def share(weight: float) -> dict[str, object]:
        return {"AdditionalVersionWeights": {"2": weight}}

    rig.call(
        "CreateAlias",
        FunctionName="orders",
        Name="live",
        FunctionVersion="1",
        RoutingConfig=share(1.0),
    )
    assert executed() == {"2"}
    update = {"FunctionName": "orders", "Name": "live"}
    rig.call("UpdateAlias", **update, RoutingConfig=share(0.0))
    assert executed() == {"1"}
    cleared = rig.call("UpdateAlias", **update, RoutingConfig={})
    assert "RoutingConfig" not in cleared


def test_a_share_is_as_large_as_its_weight(rig: Rig) -> None:
    """Over the whole of chance, a quarter means a quarter."""
    published(rig, 2)
    rig.call(
        "CreateAlias",
        FunctionName="orders",
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.25}},
    )

    class Even:
        """Draws that go through the whole range in steps."""

        count = -1

        def token(self, count: int) -> bytes:
            self.count += 1
            return (self.count * ((1 << 8 * count) // 16) % (1 << 8 * count)).to_bytes(count, "big")

    object.__setattr__(rig.room, "chance", Even())
    seen = Counter(
        rig.call("Invoke", FunctionName="orders:live")["ExecutedVersion"] for _ in range(16)
    )
    assert seen == {"1": 12, "2": 4}


def test_events_run_where_they_were_sent(rig: Rig) -> None:
    """An asynchronous event for an alias runs the version that the alias has when it runs."""
    published(rig, 2)
    rig.call("CreateAlias", FunctionName="orders", Name="live", FunctionVersion="1")
    rig.call("Invoke", FunctionName="orders:live", InvocationType="Event", Payload=b"1")
    rig.call("UpdateAlias", FunctionName="orders", Name="live", FunctionVersion="2")
    rig.ends = lambda run: Ran(run.event)
    (event,) = rig.call("DueAsyncEvents", Limit=10)["Events"]
    rig.call("DeliverAsyncEvent", Id=event.id)
    assert [run.environment.version for run in rig.runs] == ["2"]


def test_policies_belong_to_what_they_were_added_to(rig: Rig) -> None:
    """Another account may invoke by the alias that lets it, and by nothing else."""
    published(rig, 1)
    rig.call("CreateAlias", FunctionName="orders", Name="live", FunctionVersion="1")
    permission = {
        "StatementId": "s",
        "Action": "lambda:InvokeFunction",
        "Principal": "111122223333",
    }
    added = rig.call("AddPermission", FunctionName="orders", Qualifier="live", **permission)
    assert json.loads(added["Statement"])["Resource"] == f"{ARN}:live"
    error = refused(rig, "AddPermission", FunctionName="orders", Qualifier="nope", **permission)
    assert error.message == f"Cannot find alias arn: {ARN}:nope"
    error = refused(rig, "AddPermission", FunctionName="orders", Qualifier="42", **permission)
    assert error.message == f"Function not found: {ARN}:42"
    stranger = caller("111122223333")
    rig.call("Invoke", stranger, FunctionName=f"{ARN}:live")
    for name in (ARN, f"{ARN}:1"):
        with pytest.raises(ServiceError, match="is not authorized to perform"):
            rig.call("Invoke", stranger, FunctionName=name)
    assert refused(rig, "GetPolicy", FunctionName="orders").status == 404
    assert "live" in rig.call("GetPolicy", FunctionName="orders:live")["Policy"]
    rig.call("DeleteAlias", FunctionName="orders", Name="live")
    rig.call("CreateAlias", FunctionName="orders", Name="live", FunctionVersion="1")
    assert refused(rig, "GetPolicy", FunctionName="orders:live").status == 404


def test_a_deleted_function_takes_everything_with_it(rig: Rig) -> None:
    """Made anew under the same name, it has no versions, aliases or policies, and counts anew."""
    published(rig, 2)
    rig.call("CreateAlias", FunctionName="orders", Name="live", FunctionVersion="1")
    rig.call("DeleteFunction", FunctionName="orders")
    rig.create()
    assert rig.call("ListAliases", FunctionName="orders") == {"Aliases": []}
    assert len(rig.call("ListVersionsByFunction", FunctionName="orders")["Versions"]) == 1
    assert rig.call("PublishVersion", FunctionName="orders")["Version"] == "1"


def test_code_of_a_version_is_kept(rig: Rig) -> None:
    """The sweep spares what a version names, and takes it when the version is gone."""
    rig.create(Publish=True)
    rig.call("UpdateFunctionCode", FunctionName="orders", ZipFile=OTHER)
    for _ in range(3):
        unused = rig.call("SweepCode", Condemned=())["Unused"]
    assert unused == []
    rig.call("DeleteFunction", FunctionName="orders", Qualifier="1")
    assert len(rig.call("SweepCode", Condemned=())["Unused"]) == 1


@pytest.mark.parametrize("number", ["01", "9" * 18, "9" * 19, "9" * 30, "$LATEST.PUBLISHED"])
def test_numbers_that_no_version_has(rig: Rig, number: str) -> None:
    """A version has one number, written in one way: no other finds it, and none is too large."""
    published(rig, 2)
    missing = f"Function not found: {ARN}:{number}"
    for operation, params in (
        ("GetFunction", {"Qualifier": number}),
        ("Invoke", {"Qualifier": number}),
        ("CreateAlias", {"Name": "live", "FunctionVersion": number}),
    ):
        error = refused(rig, operation, FunctionName="orders", **params)
        assert (error.status, error.message) == (404, missing), operation
    if number.isdigit():
        routing = {"AdditionalVersionWeights": {number: 0.5}}
        given = {"Name": "live", "FunctionVersion": "2", "RoutingConfig": routing}
        assert refused(rig, "CreateAlias", FunctionName="orders", **given).message == missing
        given = {"FunctionName": "orders", "Qualifier": number}
        assert refused(rig, "DeleteFunction", **given).status == 404
    assert (
        refused(rig, "ListVersionsByFunction", FunctionName="orders", Marker=number).status == 400
    )
    assert rig.call("ListAliases", FunctionName="orders")["Aliases"] == []


def test_an_alias_with_environments_kept_warm_stays_with_published_versions(rig: Rig) -> None:
    """$LATEST can have no provisioned concurrency, by no way round."""
    published(rig, 1)
    rig.call("CreateAlias", FunctionName="orders", Name="live", FunctionVersion="1")
    config = {"FunctionName": "orders", "Qualifier": "live"}
    rig.call("PutProvisionedConcurrencyConfig", **config, ProvisionedConcurrentExecutions=1)
    given = {"FunctionName": "orders", "Name": "live", "FunctionVersion": "$LATEST"}
    error = refused(rig, "UpdateAlias", **given)
    assert (error.code, error.status) == ("InvalidParameterValueException", 400)
    rig.call("DeleteProvisionedConcurrencyConfig", **config)
    assert rig.call("UpdateAlias", **given)["FunctionVersion"] == "$LATEST"


def test_other_accounts_are_not_told_what_there_is(rig: Rig) -> None:
    """Without a statement they hear the same of what is there and of what is not."""
    published(rig, 1)
    rig.call("CreateAlias", FunctionName="orders", Name="live", FunctionVersion="1")
    rig.call("PutFunctionEventInvokeConfig", FunctionName="orders:live", MaximumRetryAttempts=0)
    stranger = caller("111111111111")
    for operation, there, missing in (
        ("GetAlias", {"Name": "live"}, {"Name": "none"}),
        ("CreateAlias", {"FunctionVersion": "1"}, {"FunctionVersion": "9"}),
        ("DeleteFunction", {"Qualifier": "live"}, {"Qualifier": "none"}),
        ("DeleteFunction", {"Qualifier": "1"}, {"Qualifier": "9"}),
        ("GetFunctionEventInvokeConfig", {"Qualifier": "live"}, {"Qualifier": "1"}),
        ("DeleteFunctionEventInvokeConfig", {"Qualifier": "live"}, {"Qualifier": "1"}),
    ):
        heard = []
        for params in (there, missing):
            with pytest.raises(ServiceError) as caught:
                rig.call(operation, stranger, **{"FunctionName": ARN, "Name": "a", **params})
            heard.append((caught.value.status, caught.value.message))
        assert heard[0] == heard[1], operation
        assert heard[0][0] == 403, operation
