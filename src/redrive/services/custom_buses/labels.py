"""Members and operations of the model that are not acted on: kept and shown, or refused; never
ignored. docs/compat shows them.
"""

from __future__ import annotations

from redrive.services.labels import Label

LABELS = (
    Label("EncryptionConfiguration", "kept", "Shown; events are stored as all else is."),
    Label("LogConfiguration", "kept", "Checked and shown; no log records are written."),
    Label(
        "RoleArn",
        "kept",
        "It must be of the subscriber's account; targets are asked in its name, and its policies"
        " are not judged.",
    ),
    Label(
        "LambdaParameters.InvocationTimeoutSeconds",
        "kept",
        "Checked and shown; the function's own timeout ends an invocation.",
    ),
    Label(
        "HttpParameters.InvocationTimeoutSeconds",
        "kept",
        "Checked and shown; a request to an API destination has the timeout that AWS gives it.",
    ),
    Label(
        "UniversalTargetParameters.InvocationTimeoutSeconds",
        "kept",
        "Checked and shown; operations of this server answer sooner.",
    ),
    Label("LambdaParameters.DurableExecutionName", "refused", "There are no durable executions."),
    Label("LambdaParameters.TenantId", "refused", "Tenants do not get environments of their own."),
    Label("KinesisParameters", "refused", "There are no data streams."),
    Label("StepFunctionsParameters", "refused", "There are no state machines."),
    Label(
        "AwsServiceEventsConfiguration",
        "kept",
        "Forwards what this server's own services put on the default bus, such as aws.cloudwatch.",
    ),
    Label("PartnerEventsConfiguration", "refused", "No partner sends events to this server."),
    Label(
        "SchemaRegistryConfiguration",
        "refused",
        "Entries in Avro or Protobuf fail, because no schema registry can be reached; JSON does"
        " not need one.",
    ),
    Label(
        "PolicyName AWS_RAM",
        "refused",
        "Only AWS Resource Access Manager may write it, as the model says; it has no part here.",
    ),
)

HONOURED = frozenset(
    [
        "Arn",
        "AwsService",
        "BatchConfiguration",
        "BinaryValue",
        "ClientToken",
        "Configuration",
        "ContentType",
        "Data",
        "DataType",
        "DeduplicationConfiguration",
        "DeduplicationId",
        "DeduplicationType",
        "DelaySeconds",
        "Description",
        "Detail",
        "DetailType",
        "EndPoint",
        "Entries",
        "EventBusAccountId",
        "EventBusArn",
        "EventBusV2Parameters",
        "EventGroupId",
        "EventSourceArn",
        "ExpectedRevisionId",
        "Expression",
        "FilterConfiguration",
        "Filters",
        "HeaderParameters",
        "HttpParameters",
        "Input",
        "InvocationType",
        "InvokeConfiguration",
        "JsonataConfiguration",
        "LambdaParameters",
        "Language",
        "MaxBatchSize",
        "MaxBatchWindowInSeconds",
        "MaxEventAgeInSeconds",
        "MaxResults",
        "MaxRetryAttempts",
        "MessageAttributes",
        "MessageDeduplicationId",
        "MessageGroupId",
        "MessageStructure",
        "MessageSystemAttributes",
        "Metadata",
        "Name",
        "NamePrefix",
        "NextToken",
        "OnFailureConfiguration",
        "PathParameterValues",
        "Pattern",
        "PointInTimeConfiguration",
        "PointType",
        "PolicyDocument",
        "PolicyName",
        "Qualifier",
        "QueryStringParameters",
        "ResourceArn",
        "Resources",
        "ResumePosition",
        "RetentionPeriodInDays",
        "RetryPolicy",
        "RetryStrategy",
        "Scope",
        "SnsParameters",
        "Source",
        "SqsParameters",
        "StartingPoint",
        "StartingPosition",
        "State",
        "StorageConfiguration",
        "StringValue",
        "Subject",
        "SubscriberArn",
        "SystemMetadata",
        "TagKeys",
        "Tags",
        "TargetArn",
        "Time",
        "Transformer",
        "Type",
        "UniversalTargetParameters",
    ]
)
"""Members of all requests that are acted on. One that is neither here nor within a label fails a
test, so that a new model cannot bring an option that nobody has looked at.
"""

OPEN = (
    ("RetentionPeriodInDays when none is given", "1."),
    (
        "What a function gets",
        "A JSON array, of one event too: its Data (RAW, the default), {Data, Metadata,"
        " SystemMetadata} (WITH_METADATA), or what the JSONata makes of that (JSONATA). Data that"
        " is not JSON is base64.",
    ),
    (
        "$events in JSONata",
        "One event as {Data, Metadata, SystemMetadata}; for parameters of a function's invocation"
        " the list of the batch's events.",
    ),
    (
        "SystemMetadata",
        "EventId, EventBusArn, AccountId, IngestionTime, SequenceNumber, ContentType and, where"
        " they were given, EventGroupId and DeduplicationId.",
    ),
    (
        "A FIFO subscriber and an event without a group",
        "It is in no order with others. A FIFO queue or topic that is not told a group by the"
        " subscriber gets the event's, or its id, and a deduplication id of this delivery.",
    ),
    (
        "A batch that fails in part",
        "What was taken is not sent again. Of a group each event goes alone to a queue, a topic or"
        " a bus, so that none overtakes another; a function gets or fails the whole batch.",
    ),
    (
        "MaxEventAgeInSeconds",
        "Counts from the first attempt, because a replayed event is old when it is read.",
    ),
    (
        "What the on-failure queue gets",
        "One message an event: {Data, Metadata, SystemMetadata}; attributes SUBSCRIBER_ARN,"
        " TARGET_ARN, ERROR_CODE, ERROR_MESSAGE, EXHAUSTED_RETRY_CONDITION and RETRY_ATTEMPTS.",
    ),
    (
        "CONTENT_BASED beside a DeduplicationId",
        "The entry's own id counts, as with SQS.",
    ),
    (
        "The content that is compared",
        "Source, DetailType, Detail, Resources and a given Time; of raw events Data, ContentType"
        " and Metadata.",
    ),
    ("The size of an event", "At most 1,000,000 bytes as it is delivered, with its metadata."),
    (
        "Metrics",
        "AWS/Events with the names of the classic bus, by EventBusName and by SubscriberName.",
    ),
)
"""Questions that no source answers, and what is done here."""
