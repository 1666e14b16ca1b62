"""What each SQS operation is asked, as types. The wire has checked it against botocore's model.

Shapes and names are those of the model (API version 2012-11-05); only the checker reads them.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict


class AddPermissionParams(TypedDict):
    """AddPermission's parameters."""

    QueueUrl: str
    Label: str
    AWSAccountIds: list[str]
    Actions: list[str]


class CancelMessageMoveTaskParams(TypedDict):
    """CancelMessageMoveTask's parameters."""

    TaskHandle: str


class ChangeMessageVisibilityParams(TypedDict):
    """ChangeMessageVisibility's parameters."""

    QueueUrl: str
    ReceiptHandle: str
    VisibilityTimeout: int


class ChangeMessageVisibilityBatchRequestEntry(TypedDict):
    """One entry of a batch."""

    Id: str
    ReceiptHandle: str
    VisibilityTimeout: NotRequired[int]


class ChangeMessageVisibilityBatchParams(TypedDict):
    """ChangeMessageVisibilityBatch's parameters."""

    QueueUrl: str
    Entries: list[ChangeMessageVisibilityBatchRequestEntry]


class CreateQueueParams(TypedDict):
    """CreateQueue's parameters."""

    QueueName: str
    Attributes: NotRequired[dict[str, str]]
    tags: NotRequired[dict[str, str]]


class DeleteMessageParams(TypedDict):
    """DeleteMessage's parameters."""

    QueueUrl: str
    ReceiptHandle: str


class DeleteMessageBatchRequestEntry(TypedDict):
    """One entry of a batch."""

    Id: str
    ReceiptHandle: str


class DeleteMessageBatchParams(TypedDict):
    """DeleteMessageBatch's parameters."""

    QueueUrl: str
    Entries: list[DeleteMessageBatchRequestEntry]


class DeleteQueueParams(TypedDict):
    """DeleteQueue's parameters."""

    QueueUrl: str


class GetQueueAttributesParams(TypedDict):
    """GetQueueAttributes's parameters."""

    QueueUrl: str
    AttributeNames: NotRequired[list[str]]


class GetQueueUrlParams(TypedDict):
    """GetQueueUrl's parameters."""

    QueueName: str
    QueueOwnerAWSAccountId: NotRequired[str]


class ListDeadLetterSourceQueuesParams(TypedDict):
    """ListDeadLetterSourceQueues's parameters."""

    QueueUrl: str
    NextToken: NotRequired[str]
    MaxResults: NotRequired[int]


class ListMessageMoveTasksParams(TypedDict):
    """ListMessageMoveTasks's parameters."""

    SourceArn: str
    MaxResults: NotRequired[int]


class ListQueueTagsParams(TypedDict):
    """ListQueueTags's parameters."""

    QueueUrl: str


class ListQueuesParams(TypedDict):
    """ListQueues's parameters."""

    QueueNamePrefix: NotRequired[str]
    NextToken: NotRequired[str]
    MaxResults: NotRequired[int]


class PurgeQueueParams(TypedDict):
    """PurgeQueue's parameters."""

    QueueUrl: str


class ReceiveMessageParams(TypedDict):
    """ReceiveMessage's parameters."""

    QueueUrl: str
    AttributeNames: NotRequired[list[str]]
    MessageSystemAttributeNames: NotRequired[list[str]]
    MessageAttributeNames: NotRequired[list[str]]
    MaxNumberOfMessages: NotRequired[int]
    VisibilityTimeout: NotRequired[int]
    WaitTimeSeconds: NotRequired[int]
    ReceiveRequestAttemptId: NotRequired[str]


class RemovePermissionParams(TypedDict):
    """RemovePermission's parameters."""

    QueueUrl: str
    Label: str


class MessageAttributeValue(TypedDict):
    """One user attribute."""

    StringValue: NotRequired[str]
    BinaryValue: NotRequired[bytes]
    StringListValues: NotRequired[list[str]]
    BinaryListValues: NotRequired[list[bytes]]
    DataType: str


class MessageSystemAttributeValue(TypedDict):
    """One system attribute."""

    StringValue: NotRequired[str]
    BinaryValue: NotRequired[bytes]
    StringListValues: NotRequired[list[str]]
    BinaryListValues: NotRequired[list[bytes]]
    DataType: str


class SendMessageParams(TypedDict):
    """SendMessage's parameters."""

    QueueUrl: str
    MessageBody: str
    DelaySeconds: NotRequired[int]
    MessageAttributes: NotRequired[dict[str, MessageAttributeValue]]
    MessageSystemAttributes: NotRequired[dict[str, MessageSystemAttributeValue]]
    MessageDeduplicationId: NotRequired[str]
    MessageGroupId: NotRequired[str]


class SendMessageBatchRequestEntry(TypedDict):
    """One entry of a batch."""

    Id: str
    MessageBody: str
    DelaySeconds: NotRequired[int]
    MessageAttributes: NotRequired[dict[str, MessageAttributeValue]]
    MessageSystemAttributes: NotRequired[dict[str, MessageSystemAttributeValue]]
    MessageDeduplicationId: NotRequired[str]
    MessageGroupId: NotRequired[str]


class SendMessageBatchParams(TypedDict):
    """SendMessageBatch's parameters."""

    QueueUrl: str
    Entries: list[SendMessageBatchRequestEntry]


class SetQueueAttributesParams(TypedDict):
    """SetQueueAttributes's parameters."""

    QueueUrl: str
    Attributes: dict[str, str]


class StartMessageMoveTaskParams(TypedDict):
    """StartMessageMoveTask's parameters."""

    SourceArn: str
    DestinationArn: NotRequired[str]
    MaxNumberOfMessagesPerSecond: NotRequired[int]


class TagQueueParams(TypedDict):
    """TagQueue's parameters."""

    QueueUrl: str
    Tags: dict[str, str]


class UntagQueueParams(TypedDict):
    """UntagQueue's parameters."""

    QueueUrl: str
    TagKeys: list[str]
