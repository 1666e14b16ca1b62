"""The functions service's decisions. Pure: rows, parameters and instants in, decisions out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from redrive.core.errors import ServiceError
from redrive.services.functions.model import LATEST, Function
from redrive.services.functions.refusals import constraint, invalid

# Limits. AWS: Lambda quotas, unless another page is named.
TIMEOUT_S_DEFAULT = 3
TIMEOUT_S_MAX = 900
"""The model says 5,400, which holds for Managed Instances only."""
MEMORY_MB_DEFAULT = 128
MEMORY_MB_MAX = 10_240
EPHEMERAL_MB_DEFAULT = 512
EPHEMERAL_MB_MAX = 10_240
VARIABLES_BYTES_MAX = 4_096
TAGS_MAX = 50
LAYERS_MAX = 5
PAGE_DEFAULT = 50
"""AWS: API_ListFunctions, "MaxItems": never more than 50 in a response, whatever was asked for."""
CODE_STORAGE_BYTES_MAX = 80_530_636_800
ACCOUNT_CONCURRENCY = 1_000
UNRESERVED_FLOOR = 100

SERVED_RUNTIMES = frozenset(
    [
        *(f"python3.{minor}" for minor in range(8, 15)),
        *(f"nodejs{major}.x" for major in range(16, 26, 2)),
        "provided.al2",
        "provided.al2023",
    ]
)
"""What the runtimes of this server run (runtime/choices.py); a test holds the two together."""

# AWS's set, in the order in which AWS prints it.
_AWS_RUNTIMES = (
    "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, "
    "java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, "
    "java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2"
)
_RETIRED_RUNTIMES = frozenset(
    [
        "nodejs",
        "nodejs4.3",
        "nodejs4.3-edge",
        "nodejs6.10",
        "nodejs8.10",
        "nodejs10.x",
        "nodejs12.x",
        "nodejs14.x",
        "java8",
        "python2.7",
        "python3.6",
        "python3.7",
        "dotnetcore1.0",
        "dotnetcore2.0",
        "dotnetcore2.1",
        "dotnetcore3.1",
        "go1.x",
        "ruby2.5",
        "ruby2.7",
        "provided",
    ]
)

RESERVED_VARIABLES = frozenset(
    [
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    ]
)
"""AWS: Developer Guide, "Defined runtime environment variables" (the reserved ones)."""

_VARIABLES_TROUBLE = (
    "Lambda was unable to configure your environment variables because the environment variables "
    "you have provided "
)


def check_runtime(runtime: str) -> None:
    """Refuse a runtime that cannot be served, each kind in its own words."""
    if runtime in SERVED_RUNTIMES:
        return
    if runtime in _RETIRED_RUNTIMES:
        raise invalid(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating "
            "AWS Lambda functions. We recommend you use a supported runtime while creating "
            "or updating functions."
        )
    if runtime in _AWS_RUNTIMES.split(", "):
        raise invalid(
            f"The runtime parameter of {runtime} is not supported by this server, which runs "
            "Python, Node.js, and programs of your own (provided.al2023) that bring their runtime."
        )
    raise invalid(
        f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum "
        f"value set: [{_AWS_RUNTIMES}] or be a valid ARN"
    )


def check_sizes(timeout_s: int, memory_mb: int, ephemeral_mb: int) -> None:
    """Refuse what lies outside of the quotas of functions that are not Managed Instances."""
    for member, value, least, most in (
        ("timeout", timeout_s, 1, TIMEOUT_S_MAX),
        ("memorySize", memory_mb, MEMORY_MB_DEFAULT, MEMORY_MB_MAX),
        ("ephemeralStorage.size", ephemeral_mb, EPHEMERAL_MB_DEFAULT, EPHEMERAL_MB_MAX),
    ):
        if value < least:
            raise constraint(
                value, member, f"Member must have value greater than or equal to {least}"
            )
        if value > most:
            raise constraint(value, member, f"Member must have value less than or equal to {most}")


def check_variables(variables: Mapping[str, str]) -> str:
    """Return environment variables as JSON text, or refuse reserved names and more than 4 KB."""
    reserved = [name for name in variables if name in RESERVED_VARIABLES]
    if reserved:
        raise invalid(
            f"{_VARIABLES_TROUBLE}contains reserved keys that are currently not supported for "
            f"modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    text = json.dumps(dict(variables), separators=(",", ":"), ensure_ascii=False)
    if len(text.encode()) > VARIABLES_BYTES_MAX:
        raise invalid(f"{_VARIABLES_TROUBLE}exceeded the 4KB limit. String measured: {text}")
    return text


def merge_tags(tags: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Return tags with others added or replaced; refuse more than the limit."""
    merged = {**tags, **added}
    if len(merged) > TAGS_MAX:
        raise invalid("Number of tags exceeds resource tag limit.")
    return merged


def check_reserved(asked: int, reserved_elsewhere: int, limit: int, floor: int) -> None:
    """Refuse a reservation that leaves the unreserved pool too small.

    AWS: Developer Guide, "Configuring reserved concurrency": 100 stay unreserved.
    """
    if limit - reserved_elsewhere - asked < floor:
        raise invalid(
            "Specified ReservedConcurrentExecutions for function decreases account's "
            f"UnreservedConcurrentExecution below its minimum value of [{floor}]."
        )


def check_covers(reserved: int, provisioned: int) -> None:
    """Refuse a reservation smaller than what is provisioned out of it. AWS: as captured."""
    if reserved < provisioned:
        raise ServiceError(
            "InvalidParameterValueException",
            f" ReservedConcurrentExecutions  {reserved} should not be lower than function's total "
            f"provisioned concurrency [{provisioned}].",
            status=400,
        )


def check_provisioned(
    asked: int, reserved: int | None, own_elsewhere: int, unreserved: int, floor: int
) -> None:
    """Refuse provisioned concurrency that there is no room for.

    reserved: the function's; own_elsewhere: what its other versions have; unreserved: what the
    account has left. AWS: as captured (PutProvisionedConcurrencyConfig).
    """
    if reserved is not None:
        if asked + own_elsewhere > reserved:
            raise invalid(
                "Requested Provisioned Concurrency should not be greater than the "
                "reservedConcurrentExecution for function"
            )
        return
    trouble = None
    if asked > unreserved:
        trouble = f"is greater than account's unreserved concurrency [{unreserved}]."
    elif unreserved - asked < floor:
        trouble = (
            "decreases account's UnreservedConcurrentExecution below its minimum value of "
            f"[{floor}]."
        )
    if trouble is not None:
        raise ServiceError(
            "InvalidParameterValueException",
            f"Specified ConcurrentExecutions for function {trouble}",
            status=400,
        )


def allocate(requested: int, version: str, weights: Mapping[str, float]) -> dict[str, int]:
    """Share what is provisioned for an alias between the versions that it sends invocations to.

    AWS: API_ProvisionedConcurrencyConfigListItem, "AllocatedProvisionedConcurrentExecutions": with
    weights it follows them; that the main version gets what is left over is our choice.
    """
    shares = {other: int(requested * share) for other, share in weights.items()}
    return {version: requested - sum(shares.values()), **shares}


ThrottleReason = Literal[
    "ReservedFunctionConcurrentInvocationLimitExceeded", "ConcurrentInvocationLimitExceeded"
]


def admit(
    reserved: int | None, running: int, pool_limit: int, pool_running: int
) -> ThrottleReason | None:
    """Tell why one more invocation may not start now; None when it may.

    running counts the function's invocations, pool_running those of the account's functions without
    a reservation. AWS: API_Invoke, "TooManyRequestsException", "Reason".
    """
    if reserved is not None:
        full = running >= reserved
        return "ReservedFunctionConcurrentInvocationLimitExceeded" if full else None
    return "ConcurrentInvocationLimitExceeded" if pool_running >= pool_limit else None


QUALIFIED_TABLES = ("policies", "invoke_configs", "urls", "provisioned")
"""What belongs to one version or alias, by the qualifier."""

TABLES_OF_A_FUNCTION = ("versions", "aliases", *QUALIFIED_TABLES)
"""What goes with a function."""

_VERSIONED = (
    "runtime",
    "handler",
    "role",
    "timeout_s",
    "memory_mb",
    "variables",
    "labels",
    "code_hash",
    "layers",
    "dead_letter",
)


def is_same_version(one: Function, other: Function) -> bool:
    """Tell whether two versions of a function run the same. AWS: API_PublishVersion."""
    return all(getattr(one, name) == getattr(other, name) for name in _VERSIONED)


def latest_columns(function: Function) -> dict[str, object]:
    """Return $LATEST as the parameters of its row."""
    columns = function._asdict()
    del columns["version"]
    return columns


def check_weights(version: str, weights: Mapping[str, float]) -> None:
    """Refuse a RoutingConfig that AWS refuses, for an alias of a version. AWS: as captured."""
    if len(weights) > 1:
        raise invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
    shown = ", ".join(f"{name}={share}" for name, share in weights.items())
    member = "routingConfig.additionalVersionWeights"
    for name, share in weights.items():
        if not name.isdigit():
            rule = (
                "Map keys must satisfy constraint: [Member must have length less than or equal to "
                "1024, Member must have length greater than or equal to 1, Member must satisfy "
                "regular expression pattern: [0-9]+]"
            )
            raise constraint(f"{{{shown}}}", member, rule)
        if not 0.0 <= share <= 1.0:
            rule = (
                "Map value must satisfy constraint: [Member must have value less than or equal to "
                "1.0, Member must have value greater than or equal to 0.0, Member must not be null]"
            )
            raise constraint(f"{{{shown}}}", member, rule)
        if version == LATEST:
            raise ServiceError(
                "InvalidParameterValueException",
                "$LATEST is not supported for an alias pointing to more than 1 version",
                status=400,
            )
        if name == version:
            raise invalid(
                f"Invalid function version {version}. Function version {version} is already "
                "included in routing configuration."
            )


def choose_version(main: str, weights: Mapping[str, float], draw: float) -> str:
    """Return the version that serves an invocation; draw is evenly spread over 0 <= draw < 1."""
    for version, share in weights.items():
        if draw < share:
            return version
        draw -= share
    return main


def next_marker(names: Sequence[str], page_items: int) -> str | None:
    """Return the last name of a page; `names` holds one more than the page if there is one."""
    return names[page_items - 1] if len(names) > page_items else None
