"""SQS's older protocol: names in forms, elements in XML, codes, texts, and queues' own addresses.

The names are those of the service's model of before 2023 and of its API reference.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import orjson
import pytest

from redrive.core.errors import ServiceError
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Incoming, Request, Response

ENDPOINT = Endpoint()
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8", "host": "h:1"}
SPACE = "http://queue.amazonaws.com/doc/2012-11-05/"
PATH = "/123456789012/q"


def read(fields: str, path: str = "/", headers: dict[str, str] | None = None) -> Incoming:
    return ENDPOINT.read(Request("POST", path, headers or FORM, fields.encode()))


def refused(request: Request) -> tuple[Fault, Response]:
    with pytest.raises(Fault) as caught:
        ENDPOINT.read(request)
    return caught.value, ENDPOINT.fault(caught.value, caught.value.error, "rid")


def signed(service: str, region: str = "eu-west-1") -> dict[str, str]:
    scope = f"a/20260101/{region}/{service}/aws4_request"
    return {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=h, Signature=s"}


TAGS = {"a": "b", "c": ""}
VALUE = {"DataType": "String", "StringValue": "v"}


@pytest.mark.parametrize(
    ("fields", "params"),
    [
        (
            "Action=CreateQueue&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5"
            "&Attribute.2.Name=Policy&Attribute.2.Value=&Tag.1.Key=a&Tag.1.Value=b"
            "&Tag.2.Key=c&Tag.2.Value=",
            {
                "QueueName": "q",
                "Attributes": {"DelaySeconds": "5", "Policy": ""},
                "tags": TAGS,
            },
        ),
        (
            "Action=SetQueueAttributes&Attribute.Name=DelaySeconds&Attribute.Value=35",
            {"Attributes": {"DelaySeconds": "35"}},
        ),
        ("Action=GetQueueAttributes&AttributeName=All", {"AttributeNames": ["All"]}),
        (
            "Action=GetQueueAttributes&AttributeName.2=b&AttributeName.1=a",
            {"AttributeNames": ["a", "b"]},
        ),
        ("Action=GetQueueAttributes&AttributeNames.1=a", {"AttributeNames": ["a"]}),
        ("Action=GetQueueAttributes&AttributeNames=", {"AttributeNames": []}),
        (
            "Action=SendMessage&MessageBody=a%20b%26%C3%A9+c&DelaySeconds=3"
            "&MessageAttribute.1.Name=x&MessageAttribute.1.Value.DataType=String"
            "&MessageAttribute.1.Value.StringValue=v"
            "&MessageAttribute.2.Name=y&MessageAttribute.2.Value.DataType=Binary"
            "&MessageAttribute.2.Value.BinaryValue=AP8%3D"
            "&MessageSystemAttribute.1.Name=AWSTraceHeader"
            "&MessageSystemAttribute.1.Value.DataType=String"
            "&MessageSystemAttribute.1.Value.StringValue=v"
            "&MessageGroupId=g&MessageDeduplicationId=d",
            {
                "MessageBody": "a b&é c",
                "DelaySeconds": 3,
                "MessageAttributes": {
                    "x": VALUE,
                    "y": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
                },
                "MessageSystemAttributes": {"AWSTraceHeader": VALUE},
                "MessageGroupId": "g",
                "MessageDeduplicationId": "d",
            },
        ),
        (
            "Action=SendMessage&MessageBody=b&MessageAttribute.1.Name=x"
            "&MessageAttribute.1.Value.DataType=String"
            "&MessageAttribute.1.Value.StringListValue.1=l"
            "&MessageAttribute.1.Value.BinaryListValue.1=AA%3D%3D",
            {
                "MessageBody": "b",
                "MessageAttributes": {
                    "x": {
                        "DataType": "String",
                        "StringListValues": ["l"],
                        "BinaryListValues": [b"\0"],
                    }
                },
            },
        ),
        (
            "Action=SendMessageBatch&SendMessageBatchRequestEntry.1.Id=a"
            "&SendMessageBatchRequestEntry.1.MessageBody=x"
            "&SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=x"
            "&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=String"
            "&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue=v"
            "&SendMessageBatchRequestEntry.10.Id=b"
            "&SendMessageBatchRequestEntry.10.MessageBody=y"
            "&SendMessageBatchRequestEntry.10.DelaySeconds=1",
            {
                "Entries": [
                    {"Id": "a", "MessageBody": "x", "MessageAttributes": {"x": VALUE}},
                    {"Id": "b", "MessageBody": "y", "DelaySeconds": 1},
                ]
            },
        ),
        ("Action=SendMessageBatch", {"Entries": []}),
        (
            "Action=DeleteMessageBatch&DeleteMessageBatchRequestEntry.1.Id=a"
            "&DeleteMessageBatchRequestEntry.1.ReceiptHandle=h",
            {"Entries": [{"Id": "a", "ReceiptHandle": "h"}]},
        ),
        (
            "Action=ChangeMessageVisibilityBatch"
            "&ChangeMessageVisibilityBatchRequestEntry.1.Id=a"
            "&ChangeMessageVisibilityBatchRequestEntry.1.ReceiptHandle=h"
            "&ChangeMessageVisibilityBatchRequestEntry.1.VisibilityTimeout=0",
            {"Entries": [{"Id": "a", "ReceiptHandle": "h", "VisibilityTimeout": 0}]},
        ),
        (
            "Action=ReceiveMessage&MaxNumberOfMessages=10&VisibilityTimeout=0&WaitTimeSeconds=20"
            "&AttributeName.1=All&MessageAttributeName.1=a.*&MessageAttributeName.2=b"
            "&MessageSystemAttributeName.1=SenderId&ReceiveRequestAttemptId=r",
            {
                "MaxNumberOfMessages": 10,
                "VisibilityTimeout": 0,
                "WaitTimeSeconds": 20,
                "AttributeNames": ["All"],
                "MessageAttributeNames": ["a.*", "b"],
                "MessageSystemAttributeNames": ["SenderId"],
                "ReceiveRequestAttemptId": "r",
            },
        ),
        ("Action=TagQueue&Tag.1.Key=a&Tag.1.Value=b&Tag.2.Key=c&Tag.2.Value=", {"Tags": TAGS}),
        ("Action=TagQueue&Tags.1.Key=a&Tags.1.Value=b&Tags.2.Key=c&Tags.2.Value=", {"Tags": TAGS}),
        ("Action=UntagQueue&TagKey.1=a&TagKey.2=b", {"TagKeys": ["a", "b"]}),
        (
            "Action=AddPermission&Label=l&AWSAccountId.1=1&AWSAccountId.2=2&ActionName.1=*",
            {"Label": "l", "AWSAccountIds": ["1", "2"], "Actions": ["*"]},
        ),
        (
            "Action=StartMessageMoveTask&SourceArn=s&MaxNumberOfMessagesPerSecond=5",
            {"SourceArn": "s", "MaxNumberOfMessagesPerSecond": 5},
        ),
        (
            "Action=ListQueues&QueueNamePrefix=p&MaxResults=5",
            {"QueueNamePrefix": "p", "MaxResults": 5},
        ),
    ],
)
def test_old_names_become_params(fields: str, params: dict[str, Any]) -> None:
    """Every list and map goes by its old name; what the JSON protocol's operations get is made."""
    is_addressed = "QueueUrl" in ENDPOINT.model("sqs").operation(_action(fields)).input.members  # type: ignore[union-attr]
    given = "&QueueUrl=u" if is_addressed else ""
    incoming = read(fields + given)
    assert (incoming.service, incoming.operation) == ("sqs", _action(fields))
    assert incoming.params == {**params, **({"QueueUrl": "u"} if is_addressed else {})}
    assert incoming.route.protocol == "query"


def _action(fields: str) -> str:
    return fields.partition("&")[0].removeprefix("Action=")


def answer(operation: str, result: Any, fields: str = "") -> str:
    """Return an operation's answer without what all have."""
    incoming = read(f"Action={operation}&QueueUrl=u{fields}")
    response = ENDPOINT.reply(incoming, result, "rid")
    assert response.status == 200
    assert dict(response.headers) == {"x-amzn-RequestId": "rid", "Content-Type": "text/xml"}
    text = response.body.decode()
    head = f'<?xml version="1.0"?><{operation}Response xmlns="{SPACE}">'
    tail = f"<ResponseMetadata><RequestId>rid</RequestId></ResponseMetadata></{operation}Response>"
    assert text.startswith(head) and text.endswith(tail)
    ElementTree.fromstring(text)
    return text[len(head) : -len(tail)]


FAILED = {"Id": "b", "SenderFault": True, "Code": "C", "Message": "m"}
FAILED_XML = (
    "<BatchResultErrorEntry><Id>b</Id><SenderFault>true</SenderFault><Code>C</Code>"
    "<Message>m</Message></BatchResultErrorEntry>"
)
RECEIVED = {
    "MessageId": "i",
    "ReceiptHandle": "h",
    "MD5OfBody": "5",
    "Body": "a<b&\r\n\u2028",
    "Attributes": {"SenderId": "s", "SentTimestamp": "1"},
    "MD5OfMessageAttributes": "6",
    "MessageAttributes": {"x": {"StringValue": "v", "BinaryValue": "AP8=", "DataType": "T"}},
}


@pytest.mark.parametrize(
    ("operation", "fields", "result", "xml"),
    [
        (
            "CreateQueue",
            "&QueueName=q",
            {"QueueUrl": "u"},
            "<CreateQueueResult><QueueUrl>u</QueueUrl></CreateQueueResult>",
        ),
        (
            "ListQueues",
            "",
            {"QueueUrls": ["u", "v"], "NextToken": "t"},
            "<ListQueuesResult><QueueUrl>u</QueueUrl><QueueUrl>v</QueueUrl>"
            "<NextToken>t</NextToken></ListQueuesResult>",
        ),
        (
            "ListDeadLetterSourceQueues",
            "",
            {"queueUrls": ["u"]},
            "<ListDeadLetterSourceQueuesResult><QueueUrl>u</QueueUrl>"
            "</ListDeadLetterSourceQueuesResult>",
        ),
        (
            "GetQueueAttributes",
            "",
            {"Attributes": {"DelaySeconds": "0", "Policy": '{"a"}'}},
            "<GetQueueAttributesResult>"
            "<Attribute><Name>DelaySeconds</Name><Value>0</Value></Attribute>"
            "<Attribute><Name>Policy</Name><Value>{&quot;a&quot;}</Value></Attribute>"
            "</GetQueueAttributesResult>",
        ),
        (
            "ListQueueTags",
            "",
            {"Tags": {"k": "v"}},
            "<ListQueueTagsResult><Tag><Key>k</Key><Value>v</Value></Tag></ListQueueTagsResult>",
        ),
        (
            "SendMessage",
            "&MessageBody=b",
            {"MD5OfMessageBody": "5", "MessageId": "i", "SequenceNumber": None},
            "<SendMessageResult><MD5OfMessageBody>5</MD5OfMessageBody><MessageId>i</MessageId>"
            "</SendMessageResult>",
        ),
        (
            "SendMessageBatch",
            "",
            {
                "Successful": [{"Id": "a", "MessageId": "i", "MD5OfMessageBody": "5"}],
                "Failed": [FAILED],
            },
            "<SendMessageBatchResult><SendMessageBatchResultEntry><Id>a</Id>"
            "<MessageId>i</MessageId><MD5OfMessageBody>5</MD5OfMessageBody>"
            f"</SendMessageBatchResultEntry>{FAILED_XML}</SendMessageBatchResult>",
        ),
        (
            "DeleteMessageBatch",
            "",
            {"Successful": [{"Id": "a"}], "Failed": [FAILED]},
            "<DeleteMessageBatchResult><DeleteMessageBatchResultEntry><Id>a</Id>"
            f"</DeleteMessageBatchResultEntry>{FAILED_XML}</DeleteMessageBatchResult>",
        ),
        (
            "ChangeMessageVisibilityBatch",
            "",
            {"Successful": [{"Id": "a"}], "Failed": []},
            "<ChangeMessageVisibilityBatchResult><ChangeMessageVisibilityBatchResultEntry>"
            "<Id>a</Id></ChangeMessageVisibilityBatchResultEntry>"
            "</ChangeMessageVisibilityBatchResult>",
        ),
        (
            "ReceiveMessage",
            "",
            {"Messages": [orjson.Fragment(orjson.dumps(RECEIVED))]},
            "<ReceiveMessageResult><Message><MessageId>i</MessageId>"
            "<ReceiptHandle>h</ReceiptHandle><MD5OfBody>5</MD5OfBody>"
            "<Body>a&lt;b&amp;&#xD;\n\u2028</Body>"
            "<Attribute><Name>SenderId</Name><Value>s</Value></Attribute>"
            "<Attribute><Name>SentTimestamp</Name><Value>1</Value></Attribute>"
            "<MD5OfMessageAttributes>6</MD5OfMessageAttributes>"
            "<MessageAttribute><Name>x</Name><Value><StringValue>v</StringValue>"
            "<BinaryValue>AP8=</BinaryValue><DataType>T</DataType></Value></MessageAttribute>"
            "</Message></ReceiveMessageResult>",
        ),
        ("ReceiveMessage", "", {}, "<ReceiveMessageResult></ReceiveMessageResult>"),
        (
            "ListMessageMoveTasks",
            "&SourceArn=s",
            {"Results": [{"TaskHandle": "h", "Status": "RUNNING", "StartedTimestamp": 5}]},
            "<ListMessageMoveTasksResult><ListMessageMoveTasksResultEntry>"
            "<TaskHandle>h</TaskHandle><Status>RUNNING</Status>"
            "<StartedTimestamp>5</StartedTimestamp></ListMessageMoveTasksResultEntry>"
            "</ListMessageMoveTasksResult>",
        ),
        ("PurgeQueue", "", {}, ""),
        ("DeleteQueue", "", {}, ""),
    ],
)
def test_results_go_by_their_old_names(operation: str, fields: str, result: Any, xml: str) -> None:
    """Flat lists and maps stand as repeated elements; no output, no result element."""
    assert answer(operation, result, fields) == xml


@pytest.mark.parametrize(
    ("code", "told", "status"),
    [
        ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400),
        ("QueueNameExists", "QueueAlreadyExists", 400),
        ("QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently", 400),
        ("PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress", 403),
        ("OverLimit", "OverLimit", 403),
        ("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", 400),
        ("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", 400),
        ("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", 400),
        ("ResourceNotFoundException", "ResourceNotFoundException", 404),
        ("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 400),
        ("InvalidAddress", "InvalidAddress", 404),
        ("InvalidParameterValue", "InvalidParameterValue", 400),
    ],
)
def test_errors_go_by_their_old_codes(code: str, told: str, status: int) -> None:
    """The whole body, as AWS writes it."""
    incoming = read("Action=PurgeQueue&QueueUrl=u")
    response = ENDPOINT.fault(incoming, ServiceError(code, "a<b"), "rid")
    assert response.status == status
    assert dict(response.headers) == {"x-amzn-RequestId": "rid", "Content-Type": "text/xml"}
    assert response.body.decode() == (
        f'<?xml version="1.0"?><ErrorResponse xmlns="{SPACE}"><Error><Type>Sender</Type>'
        f"<Code>{told}</Code><Message>a&lt;b</Message><Detail/></Error>"
        "<RequestId>rid</RequestId></ErrorResponse>"
    )


def test_a_missing_queue_is_told_in_each_protocols_words() -> None:
    """AWS: test_non_existent_queue of both recordings."""
    error = ServiceError("QueueDoesNotExist", "The specified queue does not exist.")
    old = ENDPOINT.fault(read("Action=PurgeQueue&QueueUrl=u"), error, "rid")
    assert (
        b"<Message>The specified queue does not exist for this wsdl version.</Message>" in old.body
    )
    headers = {"x-amz-target": "AmazonSQS.PurgeQueue"}
    new = ENDPOINT.fault(
        ENDPOINT.read(Request("POST", "/", headers, b'{"QueueUrl":"u"}')), error, "rid"
    )
    assert orjson.loads(new.body)["message"] == "The specified queue does not exist."


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("Action=SendMessage&QueueUrl=u", "MessageBody"),
        ("Action=SendMessage&MessageBody=b", "QueueUrl"),
        ("Action=CreateQueue", "QueueName"),
        (
            "Action=SendMessageBatch&QueueUrl=u&SendMessageBatchRequestEntry.1.Id=a",
            "SendMessageBatchRequestEntry.1.MessageBody",
        ),
    ],
)
def test_missing_members_are_named(fields: str, message: str) -> None:
    """AWS: MissingParameter, in the same words over both protocols."""
    fault, response = refused(Request("POST", "/", FORM, fields.encode()))
    assert fault.error.code == "MissingParameter"
    assert fault.error.message == f"The request must contain the parameter {message}."
    assert b"<Code>MissingParameter</Code>" in response.body


# --- queues' own addresses --------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("headers", [{}, signed("sqs")])
@pytest.mark.parametrize(
    "path",
    [PATH, PATH + "/", PATH + ".fifo", "/queue/eu-west-1" + PATH],
)
def test_a_queues_address_names_the_queue(method: str, headers: dict[str, str], path: str) -> None:
    """Action and members stand in the address or in the form; the path is the QueueUrl."""
    fields = "Action=SendMessage&MessageBody=b&Version=2012-11-05"
    request = (
        Request("GET", f"{path}?{fields}", {"host": "h:1", **headers}, b"")
        if method == "GET"
        else Request("POST", path, {**FORM, **headers}, fields.encode())
    )
    incoming = ENDPOINT.read(request)
    assert (incoming.service, incoming.operation) == ("sqs", "SendMessage")
    assert incoming.params == {"QueueUrl": f"http://h:1{path}", "MessageBody": "b"}


def test_the_host_says_the_region() -> None:
    """What the Host header holds goes into the QueueUrl, where its region counts."""
    headers = {"host": "sqs.eu-west-1.localhost:4566"}
    incoming = ENDPOINT.read(Request("GET", f"{PATH}?Action=PurgeQueue", headers, b""))
    assert incoming.params["QueueUrl"] == f"http://sqs.eu-west-1.localhost:4566{PATH}"


def test_a_queue_url_that_is_given_counts() -> None:
    """The path is then only where the request went."""
    url = "http://x/123456789012/other"
    request = Request("GET", f"{PATH}?Action=PurgeQueue&QueueUrl={quote(url)}", {}, b"")
    assert ENDPOINT.read(request).params == {"QueueUrl": url}


def test_json_at_a_queues_address() -> None:
    """SDKs that take a queue's URL as endpoint send JSON there."""
    headers = {"x-amz-target": "AmazonSQS.PurgeQueue", "content-type": "application/x-amz-json-1.0"}
    incoming = ENDPOINT.read(Request("POST", PATH, headers, b'{"QueueUrl":"u"}'))
    assert (incoming.params, incoming.route.protocol) == ({"QueueUrl": "u"}, "json")


@pytest.mark.parametrize("headers", [{}, signed("sqs")])
@pytest.mark.parametrize("action", ["FooBar", "ListQueues", "CreateQueue", "GetCallerIdentity"])
def test_actions_that_a_queue_does_not_take(action: str, headers: dict[str, str]) -> None:
    """AWS: test_sqs.py, TestSqsQueryApi."""
    target = f"{PATH}?Action={action}&QueueName=q"
    fault, response = refused(Request("GET", target, headers, b""))
    assert (fault.error.code, response.status) == ("InvalidAction", 400)
    text = f"The action {action} is not valid for this endpoint."
    assert (
        f"<Type>Sender</Type><Code>InvalidAction</Code><Message>{text}</Message>".encode()
        in response.body
    )
    assert SPACE.encode() in response.body


@pytest.mark.parametrize("headers", [{}, signed("sqs")])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_queues_address_without_an_action(method: str, headers: dict[str, str]) -> None:
    """AWS: 404 and an element that stands alone."""
    fault, response = refused(Request(method, PATH, headers, b""))
    assert (fault.error.code, response.status) == ("UnknownOperationException", 404)
    assert response.body == b"<UnknownOperationException/>"
    assert ("Content-Type", "text/xml") in response.headers


def test_another_services_scope_counts_more_than_the_path() -> None:
    """A request that is signed for STS is STS's."""
    request = Request("GET", f"{PATH}?Action=GetCallerIdentity", signed("sts"), b"")
    assert ENDPOINT.read(request).service == "sts"


@pytest.mark.parametrize(
    ("version", "is_known"),
    [("2012-11-05", True), ("2009-02-01", True), ("", True), ("2024-01-01", False), ("x", False)],
)
def test_versions(version: str, is_known: bool) -> None:
    """None is the newest; one that never was is refused."""
    request = Request("POST", "/", FORM, f"Version={version}&Action=ListQueues".encode())
    if is_known:
        assert ENDPOINT.read(request).operation == "ListQueues"
    else:
        fault, response = refused(request)
        assert (fault.error.code, response.status) == ("InvalidAction", 400)
        text = f"Could not find operation ListQueues for version {version}"
        assert fault.error.message == text


@pytest.mark.parametrize(
    "fields",
    [
        "DelaySeconds=x",
        "DelaySeconds=99999999999",
        "MessageAttribute.x.Name=a",
        "MessageAttribute.1.Name=a&MessageAttribute.1.Value.BinaryValue=%3F",
        "MessageBody=%ff",
        "&".join(f"a{at}=1" for at in range(20_001)),
        "&".join(f"{at}.{'.'.join(map(str, range(60)))}=1" for at in range(2_000)),
        ("a." * 65) + "b=1",
        "a=" + "b" * (4 * 1_048_576),
    ],
)
def test_spoilt_forms_are_refused(fields: str) -> None:
    """Values of another type, names out of bounds, bytes beyond UTF-8: 400, told in XML."""
    body = f"Action=SendMessage&QueueUrl=u&MessageBody=b&{fields}".encode()
    _, response = refused(Request("POST", "/", FORM, body))
    assert response.status == 400
    root = ElementTree.fromstring(response.body)
    assert root.findtext(f"{{{SPACE}}}RequestId") == "rid"


def test_text_that_is_not_escaped_is_utf8() -> None:
    """As people type it into curl."""
    assert read("Action=SendMessage&QueueUrl=u&MessageBody=é").params["MessageBody"] == "é"
