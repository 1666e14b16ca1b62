"""The types of EventBridge, Scheduler, SNS, Pipes, CloudWatch and Logs, as tables of properties."""

from __future__ import annotations

from redrive.services.stacks.properties import (
    FLAG,
    KMS,
    NUMBER,
    TAG,
    TEXT,
    Property,
    ResourceType,
    Shape,
)

_NAME = Property(replaces=True)
_NEEDED = Property(required=True)
_FIXED = Property(required=True, replaces=True)
_TAGS = Property("list", shape=TAG)
_JSON = Property("json")
_DECIMAL = Property("number")


def _absent(what: str) -> Property:
    return Property(refused=f"{what} are not delivered to by this server")


_DEAD_LETTER = Property("object", shape={"Arn": TEXT})
_RETRY = Property(
    "object", shape={"MaximumEventAgeInSeconds": NUMBER, "MaximumRetryAttempts": NUMBER}
)
_HTTP: Shape = {
    "HeaderParameters": Property("texts"),
    "PathParameterValues": Property("strings"),
    "QueryStringParameters": Property("texts"),
}
_SQS = Property("object", shape={"MessageGroupId": TEXT, "MessageDeduplicationId": TEXT})

_RULE_TARGET: Shape = {
    "AppSyncParameters": _absent("APIs of AppSync"),
    "Arn": _NEEDED,
    "BatchParameters": _absent("jobs of Batch"),
    "DeadLetterConfig": _DEAD_LETTER,
    "EcsParameters": _absent("tasks of ECS"),
    "HttpParameters": Property("object", shape=_HTTP),
    "Id": _NEEDED,
    "Input": Property("json"),
    "InputPath": TEXT,
    "InputTransformer": Property(
        "object", shape={"InputPathsMap": Property("texts"), "InputTemplate": _NEEDED}
    ),
    "KinesisParameters": _absent("streams of Kinesis"),
    "RedshiftDataParameters": _absent("clusters of Redshift"),
    "RetryPolicy": _RETRY,
    "RoleArn": TEXT,
    "RunCommandParameters": _absent("commands of Systems Manager"),
    "SageMakerPipelineParameters": _absent("pipelines of SageMaker"),
    "SqsParameters": Property("object", shape={"MessageGroupId": _NEEDED}),
}
_RULE: Shape = {
    "Description": TEXT,
    "EventBusName": _NAME,
    "EventPattern": _JSON,
    "Name": _NAME,
    "RoleArn": TEXT,
    "ScheduleExpression": TEXT,
    "State": Property(
        choices=("ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
    ),
    "Tags": _TAGS,
    "Targets": Property("list", shape=_RULE_TARGET),
}
_BUS: Shape = {
    "DeadLetterConfig": _DEAD_LETTER,
    "Description": TEXT,
    "EventSourceName": Property(refused="there are no partner event sources"),
    "KmsKeyIdentifier": KMS,
    "LogConfig": Property("object", label=True),
    "Name": _FIXED,
    "Policy": _JSON,
    "Tags": _TAGS,
}
_BUS_POLICY: Shape = {
    "Action": TEXT,
    "Condition": Property("object"),
    "EventBusName": _NAME,
    "Principal": TEXT,
    "Statement": Property(refused="give Action and Principal, or the Policy of the event bus"),
    "StatementId": _FIXED,
}
_ARCHIVE: Shape = {
    "ArchiveName": _NAME,
    "Description": TEXT,
    "EventPattern": _JSON,
    "KmsKeyIdentifier": KMS,
    "RetentionDays": NUMBER,
    "SourceArn": _FIXED,
}
_CONNECTION: Shape = {
    "AuthParameters": Property("object"),
    "AuthorizationType": Property(choices=("API_KEY", "BASIC", "OAUTH_CLIENT_CREDENTIALS")),
    "Description": TEXT,
    "InvocationConnectivityParameters": Property(refused="private connectivity is not offered"),
    "KmsKeyIdentifier": KMS,
    "Name": _NAME,
}
_API_DESTINATION: Shape = {
    "ConnectionArn": _NEEDED,
    "Description": TEXT,
    "HttpMethod": _NEEDED,
    "InvocationEndpoint": _NEEDED,
    "InvocationRateLimitPerSecond": NUMBER,
    "Name": _NAME,
}

_SCHEDULE_TARGET: Shape = {
    "Arn": _NEEDED,
    "DeadLetterConfig": _DEAD_LETTER,
    "EcsParameters": _absent("tasks of ECS"),
    "EventBridgeParameters": Property("object", shape={"DetailType": _NEEDED, "Source": _NEEDED}),
    "Input": Property("json"),
    "KinesisParameters": _absent("streams of Kinesis"),
    "RetryPolicy": _RETRY,
    "RoleArn": _NEEDED,
    "SageMakerPipelineParameters": _absent("pipelines of SageMaker"),
    "SqsParameters": _SQS,
}
_SCHEDULE: Shape = {
    "ActionAfterCompletion": Property(choices=("DELETE", "NONE")),
    "Description": TEXT,
    "EndDate": TEXT,
    "FlexibleTimeWindow": Property(
        "object",
        required=True,
        shape={
            "MaximumWindowInMinutes": NUMBER,
            "Mode": Property(required=True, choices=("FLEXIBLE", "OFF")),
        },
    ),
    "GroupName": _NAME,
    "KmsKeyArn": KMS,
    "Name": _NAME,
    "ScheduleExpression": _NEEDED,
    "ScheduleExpressionTimezone": TEXT,
    "StartDate": TEXT,
    "State": Property(choices=("DISABLED", "ENABLED")),
    "Target": Property("object", required=True, shape=_SCHEDULE_TARGET),
}
_GROUP: Shape = {"Name": _NAME, "Tags": _TAGS}

_TOPIC: Shape = {
    "ArchivePolicy": Property(refused="topics keep no messages: archive events on an event bus"),
    "ContentBasedDeduplication": FLAG,
    "DataProtectionPolicy": Property(refused="messages are not searched for personal data"),
    "DeliveryStatusLogging": Property("list", label=True, shape={}),
    "DisplayName": TEXT,
    "FifoThroughputScope": TEXT,
    "FifoTopic": Property("boolean", replaces=True),
    "KmsMasterKeyId": KMS,
    "SignatureVersion": TEXT,
    "Subscription": Property("list", shape={"Endpoint": _NEEDED, "Protocol": _NEEDED}),
    "Tags": _TAGS,
    "TopicName": _NAME,
    "TracingConfig": Property(label=True),
}
_SUBSCRIPTION: Shape = {
    "DeliveryPolicy": _JSON,
    "Endpoint": Property(replaces=True),
    "FilterPolicy": _JSON,
    "FilterPolicyScope": Property(choices=("MessageAttributes", "MessageBody")),
    "Protocol": _FIXED,
    "RawMessageDelivery": FLAG,
    "RedrivePolicy": Property("json", shape={"deadLetterTargetArn": TEXT}),
    "Region": Property(refused="a topic of this stack is in this region"),
    "ReplayPolicy": Property(refused="topics keep no messages"),
    "SubscriptionRoleArn": Property(refused="it is for Amazon Data Firehose"),
    "TopicArn": _FIXED,
}
_TOPIC_POLICY: Shape = {
    "PolicyDocument": Property("json", required=True),
    "Topics": Property("strings", required=True),
}
_INLINE_POLICY: Shape = {"PolicyDocument": Property("json", required=True), "TopicArn": _FIXED}

_PIPE: Shape = {
    "Description": TEXT,
    "DesiredState": Property(choices=("RUNNING", "STOPPED")),
    "Enrichment": TEXT,
    "EnrichmentParameters": Property("object"),
    "KmsKeyIdentifier": KMS,
    "LogConfiguration": Property("object", label=True),
    "Name": _NAME,
    "RoleArn": _NEEDED,
    "Source": _FIXED,
    "SourceParameters": Property("object"),
    "Tags": Property("texts"),
    "Target": _NEEDED,
    "TargetParameters": Property("object"),
}

_DIMENSIONS = Property("list", shape={"Name": _NEEDED, "Value": _NEEDED})
_METRIC: Shape = {"Dimensions": _DIMENSIONS, "MetricName": TEXT, "Namespace": TEXT}
_QUERY: Shape = {
    "AccountId": TEXT,
    "Expression": TEXT,
    "Id": _NEEDED,
    "Label": TEXT,
    "MetricStat": Property(
        "object",
        shape={
            "Metric": Property("object", required=True, shape=_METRIC),
            "Period": Property("integer", required=True),
            "Stat": _NEEDED,
            "Unit": TEXT,
        },
    ),
    "Period": NUMBER,
    "ReturnData": FLAG,
}
_ACTIONS: Shape = {
    "ActionsEnabled": FLAG,
    "AlarmActions": Property("strings"),
    "AlarmDescription": TEXT,
    "AlarmName": _NAME,
    "InsufficientDataActions": Property("strings"),
    "OKActions": Property("strings"),
    "Tags": _TAGS,
}
_ALARM: Shape = {
    **_ACTIONS,
    "ComparisonOperator": _NEEDED,
    "DatapointsToAlarm": NUMBER,
    "Dimensions": _DIMENSIONS,
    "EvaluateLowSampleCountPercentile": TEXT,
    "EvaluationPeriods": Property("integer", required=True),
    "ExtendedStatistic": TEXT,
    "MetricName": TEXT,
    "Metrics": Property("list", shape=_QUERY),
    "Namespace": TEXT,
    "Period": NUMBER,
    "Statistic": TEXT,
    "Threshold": _DECIMAL,
    "ThresholdMetricId": Property(refused="anomaly detection is not offered"),
    "TreatMissingData": TEXT,
    "Unit": TEXT,
}
_COMPOSITE: Shape = {
    **_ACTIONS,
    "ActionsSuppressor": TEXT,
    "ActionsSuppressorExtensionPeriod": NUMBER,
    "ActionsSuppressorWaitPeriod": NUMBER,
    "AlarmRule": _NEEDED,
}
_DASHBOARD: Shape = {"DashboardBody": Property("json", required=True), "DashboardName": _NAME}

_LOG_GROUP: Shape = {
    "DataProtectionPolicy": Property(refused="logs are not searched for personal data"),
    "DeletionProtectionEnabled": Property("boolean", label=True),
    "FieldIndexPolicies": Property(refused="fields of logs are not indexed"),
    "KmsKeyId": KMS,
    "LogGroupClass": Property(label=True),
    "LogGroupName": _NAME,
    "ResourcePolicyDocument": Property("json", label=True),
    "RetentionInDays": NUMBER,
    "Tags": _TAGS,
}
_LOG_STREAM: Shape = {"LogGroupName": _FIXED, "LogStreamName": _NAME}

EVENT_TYPES = (
    ResourceType("AWS::Events::EventBus", _BUS, ("Arn", "Name"), "Name"),
    ResourceType("AWS::Events::EventBusPolicy", _BUS_POLICY),
    ResourceType("AWS::Events::Rule", _RULE, ("Arn",), "Name", name_length_max=64),
    ResourceType(
        "AWS::Events::Archive", _ARCHIVE, ("Arn", "ArchiveName"), "ArchiveName", name_length_max=48
    ),
    ResourceType(
        "AWS::Events::Connection",
        _CONNECTION,
        ("Arn", "ArnForPolicy", "SecretArn"),
        "Name",
        name_length_max=64,
    ),
    ResourceType(
        "AWS::Events::ApiDestination",
        _API_DESTINATION,
        ("Arn", "ArnForPolicy"),
        "Name",
        name_length_max=64,
    ),
    ResourceType("AWS::Scheduler::Schedule", _SCHEDULE, ("Arn",), "Name", name_length_max=64),
    ResourceType(
        "AWS::Scheduler::ScheduleGroup",
        _GROUP,
        ("Arn", "State"),
        "Name",
        name_length_max=64,
    ),
    ResourceType(
        "AWS::SNS::Topic", _TOPIC, ("TopicArn", "TopicName"), "TopicName", name_length_max=256
    ),
    ResourceType("AWS::SNS::Subscription", _SUBSCRIPTION, ("Arn",)),
    ResourceType("AWS::SNS::TopicPolicy", _TOPIC_POLICY, ("Id",)),
    ResourceType("AWS::SNS::TopicInlinePolicy", _INLINE_POLICY),
    ResourceType("AWS::Pipes::Pipe", _PIPE, ("Arn", "CurrentState"), "Name", name_length_max=64),
    ResourceType("AWS::CloudWatch::Alarm", _ALARM, ("Arn",), "AlarmName"),
    ResourceType("AWS::CloudWatch::CompositeAlarm", _COMPOSITE, ("Arn",), "AlarmName"),
    ResourceType("AWS::CloudWatch::Dashboard", _DASHBOARD, (), "DashboardName"),
    ResourceType("AWS::Logs::LogGroup", _LOG_GROUP, ("Arn",), "LogGroupName", name_length_max=512),
    ResourceType("AWS::Logs::LogStream", _LOG_STREAM, (), "LogStreamName", name_length_max=512),
)
