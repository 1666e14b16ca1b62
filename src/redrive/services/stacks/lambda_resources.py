"""The types of Lambda that a template may hold, as tables of properties."""

from __future__ import annotations

from redrive.services.stacks.properties import (
    FLAG,
    KMS,
    NUMBER,
    TAGS,
    TEXT,
    Property,
    ResourceType,
    Shape,
)

_STREAMS = Property(refused="it is for streams and Kafka; only queues are event sources here")
_MANAGED = Property(refused="managed instances are not supported")
_FIXED = Property(replaces=True)

_CODE: Shape = {
    "ImageUri": Property(refused="container images are not run here: give a folder or a zip file"),
    "S3Bucket": TEXT,
    "S3Key": TEXT,
    "S3ObjectVersion": TEXT,
    "SourceKMSKeyArn": KMS,
    "ZipFile": TEXT,
}

_RUNTIME_MANAGEMENT: Shape = {
    "RuntimeVersionArn": TEXT,
    "UpdateRuntimeOn": Property(required=True, choices=("Auto", "FunctionUpdate", "Manual")),
}

_FUNCTION: Shape = {
    "Architectures": Property("strings", label=True),
    "CapacityProviderConfig": _MANAGED,
    "Code": Property("code", required=True, shape=_CODE),
    "CodeSigningConfigArn": Property(label=True),
    "DeadLetterConfig": Property("object", shape={"TargetArn": TEXT}),
    "Description": Property(label=True),
    "DurableConfig": Property(refused="durable functions are not supported"),
    "Environment": Property("object", shape={"Variables": Property("texts")}),
    "EphemeralStorage": Property("object", label=True, shape={"Size": NUMBER}),
    "FileSystemConfigs": Property(refused="there is no file system to mount: use a folder"),
    "FunctionName": Property(replaces=True),
    "FunctionScalingConfig": _MANAGED,
    "Handler": Property(required=True),
    "ImageConfig": Property(refused="container images are not run here"),
    "KmsKeyArn": KMS,
    "Layers": Property("strings"),
    "LoggingConfig": Property("object", label=True),
    "MemorySize": NUMBER,
    "PackageType": Property(choices=("Zip",), replaces=True),
    "PublishToLatestPublished": _MANAGED,
    "RecursiveLoop": Property(choices=("Allow", "Terminate")),
    "ReservedConcurrentExecutions": NUMBER,
    "Role": Property(required=True),
    "Runtime": Property(required=True),
    "RuntimeManagementConfig": Property("object", label=True, shape=_RUNTIME_MANAGEMENT),
    "SnapStart": Property("object", label=True),
    "Tags": TAGS,
    "TenancyConfig": Property(refused="tenant isolation is not supported"),
    "Timeout": NUMBER,
    "TracingConfig": Property("object", label=True),
    "VpcConfig": Property("object", label=True),
}

_MAPPING: Shape = {
    "AmazonManagedKafkaEventSourceConfig": _STREAMS,
    "BatchSize": NUMBER,
    "BisectBatchOnFunctionError": _STREAMS,
    "DestinationConfig": _STREAMS,
    "DocumentDBEventSourceConfig": _STREAMS,
    "Enabled": FLAG,
    "EventSourceArn": Property(required=True, replaces=True),
    "FilterCriteria": Property(
        "object", shape={"Filters": Property("list", shape={"Pattern": Property("pattern")})}
    ),
    "FunctionName": Property(required=True),
    "FunctionResponseTypes": Property("strings", choices=("ReportBatchItemFailures",)),
    "KmsKeyArn": KMS,
    "LoggingConfig": Property(refused="it is for Kafka"),
    "MaximumBatchingWindowInSeconds": NUMBER,
    "MaximumRecordAgeInSeconds": _STREAMS,
    "MaximumRetryAttempts": _STREAMS,
    "MetricsConfig": Property("object", shape={"Metrics": Property("strings")}),
    "ParallelizationFactor": _STREAMS,
    "ProvisionedPollerConfig": Property(
        "object",
        shape={
            "MaximumPollers": NUMBER,
            "MinimumPollers": NUMBER,
            "PollerGroupName": Property(refused="it is for Kafka"),
        },
    ),
    "Queues": Property(refused="it is for Amazon MQ; name the queue by EventSourceArn"),
    "ScalingConfig": Property("object", shape={"MaximumConcurrency": NUMBER}),
    "SelfManagedEventSource": _STREAMS,
    "SelfManagedKafkaEventSourceConfig": _STREAMS,
    "SourceAccessConfigurations": _STREAMS,
    "StartingPosition": _STREAMS,
    "StartingPositionTimestamp": _STREAMS,
    "Tags": TAGS,
    "Topics": _STREAMS,
    "TumblingWindowInSeconds": _STREAMS,
}

_PERMISSION: Shape = {
    "Action": Property(required=True),
    "EventSourceToken": Property(label=True),
    "FunctionName": Property(required=True),
    "FunctionUrlAuthType": Property(label=True),
    "InvokedViaFunctionUrl": Property("boolean", label=True),
    "Principal": Property(required=True),
    "PrincipalOrgID": Property(label=True),
    "SourceAccount": TEXT,
    "SourceArn": TEXT,
}

_PROVISIONED = Property(
    "object", shape={"ProvisionedConcurrentExecutions": Property("integer", required=True)}
)
# AWS refuses to change a version's CodeSha256 and Description: a version never changes. Here a
# change of them publishes another one.
_VERSION: Shape = {
    "CodeSha256": _FIXED,
    "Description": _FIXED,
    "FunctionName": Property(required=True, replaces=True),
    "FunctionScalingConfig": _MANAGED,
    "ProvisionedConcurrencyConfig": _PROVISIONED,
    "RuntimePolicy": Property("object", label=True, shape=_RUNTIME_MANAGEMENT),
}
_ALIAS: Shape = {
    "Description": TEXT,
    "FunctionName": Property(required=True, replaces=True),
    "FunctionVersion": Property(required=True),
    "Name": Property(required=True, replaces=True),
    "ProvisionedConcurrencyConfig": _PROVISIONED,
    "RoutingConfig": Property(
        "object",
        shape={
            "AdditionalVersionWeights": Property(
                "list",
                shape={
                    "FunctionVersion": Property(required=True),
                    "FunctionWeight": Property("number", required=True),
                },
            )
        },
    ),
}

_LAYER: Shape = {
    "CompatibleArchitectures": Property("strings", replaces=True),
    "CompatibleRuntimes": Property("strings", replaces=True),
    "Content": Property(
        "code",
        required=True,
        replaces=True,
        shape={"S3Bucket": TEXT, "S3Key": TEXT, "S3ObjectVersion": TEXT},
    ),
    "Description": _FIXED,
    "LayerName": _FIXED,
    "LicenseInfo": _FIXED,
}
_LAYER_PERMISSION: Shape = {
    "Action": Property(required=True),
    "LayerVersionArn": Property(required=True),
    "OrganizationId": TEXT,
    "Principal": Property(required=True),
}

_URL: Shape = {
    "AuthType": Property(required=True, choices=("AWS_IAM", "NONE")),
    "Cors": Property(
        "object",
        shape={
            "AllowCredentials": FLAG,
            "AllowHeaders": Property("strings"),
            "AllowMethods": Property("strings"),
            "AllowOrigins": Property("strings"),
            "ExposeHeaders": Property("strings"),
            "MaxAge": NUMBER,
        },
    ),
    "InvokeMode": Property(choices=("BUFFERED", "RESPONSE_STREAM")),
    "Qualifier": _FIXED,
    "TargetFunctionArn": Property(required=True, replaces=True),
}
_TARGET: Shape = {"Destination": Property(required=True)}
_INVOKE_CONFIG: Shape = {
    "DestinationConfig": Property(
        "object",
        shape={
            "OnFailure": Property("object", shape=_TARGET),
            "OnSuccess": Property("object", shape=_TARGET),
        },
    ),
    "FunctionName": Property(required=True, replaces=True),
    "MaximumEventAgeInSeconds": NUMBER,
    "MaximumRetryAttempts": NUMBER,
    "Qualifier": Property(required=True, replaces=True),
}

LAMBDA_TYPES = (
    ResourceType("AWS::Lambda::Function", _FUNCTION, ("Arn",), "FunctionName", name_length_max=64),
    ResourceType("AWS::Lambda::EventSourceMapping", _MAPPING, ("EventSourceMappingArn", "Id")),
    ResourceType("AWS::Lambda::Permission", _PERMISSION, ("Id",), fixed=frozenset(_PERMISSION)),
    ResourceType("AWS::Lambda::Version", _VERSION, ("FunctionArn", "Version")),
    ResourceType("AWS::Lambda::Alias", _ALIAS, ("AliasArn",)),
    ResourceType(
        "AWS::Lambda::LayerVersion", _LAYER, ("LayerVersionArn",), "LayerName", name_length_max=140
    ),
    ResourceType(
        "AWS::Lambda::LayerVersionPermission",
        _LAYER_PERMISSION,
        ("Id",),
        fixed=frozenset(_LAYER_PERMISSION),
    ),
    ResourceType("AWS::Lambda::Url", _URL, ("FunctionArn", "FunctionUrl")),
    ResourceType("AWS::Lambda::EventInvokeConfig", _INVOKE_CONFIG),
)
