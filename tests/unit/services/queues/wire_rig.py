"""The same service behind its two protocols: operations go in as requests and come out as answers.

How the older protocol names things stands here a second time, from AWS's API reference of before
2023, so that a wrong name in the server is not read back by the same wrong name.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import orjson
from queues_rig import Rig
from stand_ins import caller

from redrive.core.effects import Caller, Params, Reply
from redrive.core.errors import ServiceError, Unavailable
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Fault, Request, Response

ENDPOINT = Endpoint(("sqs",))
SPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"
PREFIX = "AWS.SimpleQueueService."

LISTS = {
    "AttributeNames": "AttributeName",
    "MessageAttributeNames": "MessageAttributeName",
    "MessageSystemAttributeNames": "MessageSystemAttributeName",
    "TagKeys": "TagKey",
    "AWSAccountIds": "AWSAccountId",
    "Actions": "ActionName",
    "StringListValues": "StringListValue",
    "BinaryListValues": "BinaryListValue",
}
MAPS = {
    "Attributes": ("Attribute", "Name", "Value"),
    "MessageAttributes": ("MessageAttribute", "Name", "Value"),
    "MessageSystemAttributes": ("MessageSystemAttribute", "Name", "Value"),
    "tags": ("Tag", "Key", "Value"),
    "Tags": ("Tag", "Key", "Value"),
}
ELEMENTS = {
    "Message": "Messages",
    "BatchResultErrorEntry": "Failed",
    "SendMessageBatchResultEntry": "Successful",
    "DeleteMessageBatchResultEntry": "Successful",
    "ChangeMessageVisibilityBatchResultEntry": "Successful",
    "ListMessageMoveTasksResultEntry": "Results",
}
ENTRIES = {
    "Attribute": ("Attributes", "Name", "Value"),
    "MessageAttribute": ("MessageAttributes", "Name", "Value"),
    "Tag": ("Tags", "Key", "Value"),
}
UNSEEN: dict[str, dict[str, Any]] = {
    "ListDeadLetterSourceQueues": {"queueUrls": []},
    "ListMessageMoveTasks": {"Results": []},
}
"""Lists that XML does not show when they are empty."""

INTEGERS = {
    "ApproximateNumberOfMessagesMoved",
    "ApproximateNumberOfMessagesToMove",
    "MaxNumberOfMessagesPerSecond",
    "StartedTimestamp",
}
OLD_CODES = {"QueueAlreadyExists": "QueueNameExists", "NonExistentQueue": "QueueDoesNotExist"}


# --- asking -----------------------------------------------------------------------------


def signed(who: Caller) -> dict[str, str]:
    """The headers of a caller's request."""
    scope = f"{who.account}/20261121/{who.region}/sqs/aws4_request"
    return {
        "host": "127.0.0.1:4566",
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
    }


def ask_in_json(operation: str, params: Params, who: Caller) -> Request:
    """A request of the JSON protocol."""
    headers = {
        **signed(who),
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": f"AmazonSQS.{operation}",
    }
    return Request("POST", "/", headers, orjson.dumps(params, lambda raw: b64encode(raw).decode()))


def ask_in_query(operation: str, params: Params, who: Caller) -> Request:
    """A request of the Query protocol."""
    fields = [("Action", operation), ("Version", "2012-11-05")]
    for name, value in params.items():
        _flatten(operation, name, value, "", fields)
    headers = {**signed(who), "content-type": "application/x-www-form-urlencoded"}
    return Request("POST", "/", headers, urlencode(fields).encode())


def _flatten(
    operation: str, name: str, value: Any, home: str, fields: list[tuple[str, str]]
) -> None:
    if isinstance(value, dict) and name in MAPS:
        step, key, held = MAPS[name]
        for at, (text, item) in enumerate(value.items(), 1):
            fields.append((f"{home}{step}.{at}.{key}", text))
            _flatten(operation, held, item, f"{home}{step}.{at}.", fields)
    elif isinstance(value, dict):
        for part, item in value.items():
            _flatten(operation, part, item, f"{home}{name}.", fields)
    elif isinstance(value, list | tuple):
        step = f"{operation}RequestEntry" if name == "Entries" else LISTS[name]
        for at, item in enumerate(value, 1):
            _flatten(operation, str(at), item, f"{home}{step}.", fields)
    elif isinstance(value, bytes):
        fields.append((f"{home}{name}", b64encode(value).decode()))
    elif value is not None:
        fields.append((f"{home}{name}", str(value)))


# --- understanding ----------------------------------------------------------------------


def hear_in_json(operation: str, response: Response) -> Reply:
    """What an answer of the JSON protocol means."""
    told = orjson.loads(response.body) if response.body else {}
    if response.status == 200:
        return Reply(result=told)
    code = told["__type"].rpartition("#")[2]
    return _refusal(code, told["message"], response.status)


def _refusal(code: str, message: str, status: int) -> Reply:
    if status == 503:
        return Reply(error=Unavailable(message))
    return Reply(error=ServiceError(code, message, status=status))


def hear_in_query(operation: str, response: Response) -> Reply:
    """What an answer of the Query protocol means."""
    root = ElementTree.fromstring(response.body)
    if response.status != 200:
        code = root.findtext(f"{SPACE}Error/{SPACE}Code") or ""
        code = code.removeprefix(PREFIX)
        message = root.findtext(f"{SPACE}Error/{SPACE}Message") or ""
        message = message.replace("exist for this wsdl version.", "exist.")
        return _refusal(OLD_CODES.get(code, code), message, response.status)
    assert root.tag == f"{SPACE}{operation}Response"
    found = root.find(f"{SPACE}{operation}Result")
    result = {} if found is None else _members(found)
    return Reply(result={**UNSEEN.get(operation, {}), **result})


def _members(node: ElementTree.Element) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for child in node:
        name = child.tag.removeprefix(SPACE)
        if name in ENTRIES:
            home, key, held = ENTRIES[name]
            (text,) = (part.text for part in child if part.tag == SPACE + key)
            (item,) = (part for part in child if part.tag == SPACE + held)
            out.setdefault(home, {})[text] = _members(item) if len(item) else item.text or ""
        elif name in ELEMENTS and len(child):
            out.setdefault(ELEMENTS[name], []).append(_members(child))
        elif name == "QueueUrl" and node.tag.endswith("ListQueuesResult"):
            out.setdefault("QueueUrls", []).append(child.text)
        elif name == "QueueUrl" and node.tag.endswith("ListDeadLetterSourceQueuesResult"):
            out.setdefault("queueUrls", []).append(child.text)
        elif name in INTEGERS:
            out[name] = int(child.text or "")
        elif name == "SenderFault":
            out[name] = {"true": True, "false": False}[child.text or ""]
        else:
            out[name] = child.text or ""
    return out


PROTOCOLS: dict[
    str,
    tuple[Callable[[str, Params, Caller], Request], Callable[[str, Response], Reply]],
] = {"json": (ask_in_json, hear_in_json), "query": (ask_in_query, hear_in_query)}


class WireRig(Rig):
    """The rig, with every operation of SQS through the wire in one of its protocols."""

    def __init__(self, folder: Path, protocol: str) -> None:
        self.protocol = protocol
        super().__init__(folder)

    def enter(
        self, operation: str, params: Params, who: Caller | None = None, service: str = "sqs"
    ) -> tuple[list[Reply], Any]:
        """Enter an operation as a request; what is not AWS's has none and enters as it is."""
        if service != "sqs" or not ENDPOINT.model("sqs").has(operation):
            return super().enter(operation, params, who, service)
        asking = who or caller()
        request = PROTOCOLS[self.protocol][0](operation, params, asking)
        replies: list[Reply] = []

        def hear(response: Response) -> None:
            replies.append(PROTOCOLS[self.protocol][1](operation, response))

        return replies, self.ask(request, hear, asking)

    def ask(
        self, request: Request, respond: Callable[[Response], None], who: Caller | None = None
    ) -> Any:
        """Send a request; `respond` gets its answer, once. `who` is the signature's caller or one
        that no signature can name. Returns the ticket, or None when the request was refused.
        """
        try:
            incoming = ENDPOINT.read(request)
        except Fault as fault:
            respond(ENDPOINT.fault(fault, fault.error, "rid"))
            return None

        def done(reply: Reply) -> None:
            if reply.error is not None:
                respond(ENDPOINT.fault(incoming, reply.error, "rid"))
            else:
                assert reply.result is not None
                respond(ENDPOINT.reply(incoming, reply.result, "rid"))

        asking = who or incoming.caller
        return self.dispatch.enter("sqs", incoming.operation, incoming.params, asking, done)

    def answer(self, request: Request) -> Response:
        """Send a request that is answered at once."""
        answers: list[Response] = []
        self.ask(request, answers.append)
        self.settle()
        (response,) = answers
        return response
