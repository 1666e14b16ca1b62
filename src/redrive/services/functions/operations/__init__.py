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
    invoke_configs,
    layers,
    lifecycle,
    permissions,
    provisioned,
    reading,
    serving,
    settings,
    tagging,
    unoffered,
    urls,
    versions,
)
from redrive.services.functions.records import LOST
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
    "PutFunctionEventInvokeConfig": invoke_configs.put_function_event_invoke_config,
    "UpdateFunctionEventInvokeConfig": invoke_configs.update_function_event_invoke_config,
    "GetFunctionEventInvokeConfig": invoke_configs.get_function_event_invoke_config,
    "DeleteFunctionEventInvokeConfig": invoke_configs.delete_function_event_invoke_config,
    "ListFunctionEventInvokeConfigs": invoke_configs.list_function_event_invoke_configs,
    "PutFunctionRecursionConfig": settings.put_function_recursion_config,
    "GetFunctionRecursionConfig": settings.get_function_recursion_config,
    "PutRuntimeManagementConfig": settings.put_runtime_management_config,
    "GetRuntimeManagementConfig": settings.get_runtime_management_config,
    "PutFunctionCodeSigningConfig": settings.put_function_code_signing_config,
    "GetFunctionCodeSigningConfig": settings.get_function_code_signing_config,
    "DeleteFunctionCodeSigningConfig": settings.delete_function_code_signing_config,
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
    "PublishLayerVersion": layers.publish_layer_version,
    "GetLayerVersion": layers.get_layer_version,
    "GetLayerVersionByArn": layers.get_layer_version_by_arn,
    "DeleteLayerVersion": layers.delete_layer_version,
    "ListLayers": layers.list_layers,
    "ListLayerVersions": layers.list_layer_versions,
    "AddLayerVersionPermission": layers.add_layer_version_permission,
    "RemoveLayerVersionPermission": layers.remove_layer_version_permission,
    "GetLayerVersionPolicy": layers.get_layer_version_policy,
    "PutProvisionedConcurrencyConfig": provisioned.put_provisioned_concurrency_config,
    "GetProvisionedConcurrencyConfig": provisioned.get_provisioned_concurrency_config,
    "DeleteProvisionedConcurrencyConfig": provisioned.delete_provisioned_concurrency_config,
    "ListProvisionedConcurrencyConfigs": provisioned.list_provisioned_concurrency_configs,
    "Invoke": invocation.invoke,
    "InvokeAsync": invocation.invoke_async,
    "InvokeWithResponseStream": serving.invoke_with_response_stream,
    "CreateFunctionUrlConfig": urls.create_function_url_config,
    "GetFunctionUrlConfig": urls.get_function_url_config,
    "UpdateFunctionUrlConfig": urls.update_function_url_config,
    "DeleteFunctionUrlConfig": urls.delete_function_url_config,
    "ListFunctionUrlConfigs": urls.list_function_url_configs,
    **unoffered.OPERATIONS,
    # Internal: no AWS model has these names.
    "DueAsyncEvents": asynchronous.due_async_events,
    "DeliverAsyncEvent": asynchronous.deliver_async_event,
    "DescribeForMapping": internal.describe_for_mapping,
    "ResetAccount": internal.reset_account,
    "ServeFunctionUrl": serving.serve_function_url,
    "SweepCode": internal.sweep_code,
    "KeepWarm": provisioned.keep_warm,
}


def register(registry: Registry, room: Functions) -> None:
    """Add the service `lambda` to the registry; what its outbox loses is counted."""
    for purpose in LOST:
        room.outbox.listen(purpose, partial(asynchronous.count_lost, room))
    registry.add(
        "lambda", {name: partial(operation, room) for name, operation in _OPERATIONS.items()}
    )
