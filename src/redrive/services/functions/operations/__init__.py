"""Lambda's operations, one function for each, bound to the room and put into the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from redrive.services.functions.operations import (
    aliases,
    asynchronous,
    concurrency,
    internal,
    invocation,
    lifecycle,
    permissions,
    reading,
    tagging,
    versions,
)
from redrive.services.functions.room import Functions
from redrive.services.registry import Registry

_OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "CreateFunction": lifecycle.create_function,
    "UpdateFunctionCode": lifecycle.update_function_code,
    "UpdateFunctionConfiguration": lifecycle.update_function_configuration,
    "DeleteFunction": lifecycle.delete_function,
    "GetFunction": reading.get_function,
    "GetFunctionConfiguration": reading.get_function_configuration,
    "ListFunctions": reading.list_functions,
    "ListVersionsByFunction": versions.list_versions_by_function,
    "PublishVersion": versions.publish_version,
    "CreateAlias": aliases.create_alias,
    "GetAlias": aliases.get_alias,
    "UpdateAlias": aliases.update_alias,
    "DeleteAlias": aliases.delete_alias,
    "ListAliases": aliases.list_aliases,
    "GetFunctionCodeSigningConfig": reading.get_function_code_signing_config,
    "GetRuntimeManagementConfig": reading.get_runtime_management_config,
    "GetAccountSettings": concurrency.get_account_settings,
    "PutFunctionConcurrency": concurrency.put_function_concurrency,
    "GetFunctionConcurrency": concurrency.get_function_concurrency,
    "DeleteFunctionConcurrency": concurrency.delete_function_concurrency,
    "AddPermission": permissions.add_permission,
    "RemovePermission": permissions.remove_permission,
    "GetPolicy": permissions.get_policy,
    "TagResource": tagging.tag_resource,
    "UntagResource": tagging.untag_resource,
    "ListTags": tagging.list_tags,
    "Invoke": invocation.invoke,
    # Internal: no AWS model has these names.
    "DueAsyncEvents": asynchronous.due_async_events,
    "DeliverAsyncEvent": asynchronous.deliver_async_event,
    "DescribeForMapping": internal.describe_for_mapping,
    "ResetAccount": internal.reset_account,
    "SweepCode": internal.sweep_code,
}


def register(registry: Registry, room: Functions) -> None:
    """Add the service `lambda` to the registry."""
    registry.add(
        "lambda", {name: partial(operation, room) for name, operation in _OPERATIONS.items()}
    )
