"""Handlers, each with what it is to be found guilty of; see `cases`."""

from __future__ import annotations

from tests.unit.core.lessons.cases import FIFO, REPORTING, TYPES, Case

_NODE = {"python3.13": "nodejs22.x"}
_UNASKED = {TYPES: "      BatchSize: 1\n"}


def _python(rule: str, name: str, text: str, changes: dict[str, str] | None = None) -> Case:
    return Case(rule, name, changes or {}, code={"app.py": text})


def _node(
    rule: str, name: str, text: str, changes: dict[str, str] | None = None, file: str = "app.mjs"
) -> Case:
    return Case(rule, name, {**_NODE, **(changes or {})}, code={file: text})


BAD_HANDLERS = [
    _python(
        "RD050",
        "logged and forgotten",
        """
def handler(event, context):
    for record in event["Records"]:
        try:
            work(record)
        except Exception as error: # RD050
            print(error)
""",
    ),
    _python(
        "RD050",
        "a bare except, records by another name",
        """
def handler(event, context):
    records = event.get("Records", [])
    for number, record in enumerate(records):
        try:
            work(record)
        except: # RD050
            continue
""",
    ),
    _python(
        "RD050",
        "an error answered as HTTP would",
        """
def handler(event, context):
    try:
        for record in event["Records"]:
            work(record)
    except Exception as error: # RD050
        return {"statusCode": 500, "body": str(error)}
    return {"statusCode": 200}
""",
    ),
    _python(
        "RD050",
        "counted and not looked at",
        """
def handler(event, context):
    errors = 0
    for record in event["Records"]:
        try:
            work(record)
        except (ValueError, Exception): # RD050
            errors += 1
    print(errors)
""",
    ),
    _python(
        "RD050",
        "in a function that the loop calls",
        """
def one(record):
    try:
        work(record)
    except Exception: # RD050
        logger.exception("failed")

def handler(event, context):
    for record in event["Records"]:
        one(record)
""",
    ),
    _python(
        "RD050",
        "asynchronously",
        """
async def handler(event, context):
    async for record in stream(event["Records"]):
        try:
            await work(record)
        except BaseException: # RD050
            pass
""",
    ),
    _python(
        "RD051",
        "deleted before the work is done",
        """
def handler(event, context):
    for record in event["Records"]:
        sqs.delete_message(QueueUrl=URL, ReceiptHandle=record["receiptHandle"]) # RD051
        work(record)
""",
    ),
    _python(
        "RD051",
        "deleted together at the end",
        """
def handler(event, context):
    entries = [{"Id": "1", "ReceiptHandle": r["receiptHandle"]} for r in event["Records"]]
    sqs.delete_message_batch(QueueUrl=URL, Entries=entries) # RD051
""",
    ),
    _node(
        "RD051",
        "in Node.js",
        """
export const handler = async (event) => {
  for (const record of event.Records) {
    await sqs.send(new DeleteMessageCommand({ // RD051
      QueueUrl, ReceiptHandle: record.receiptHandle }));
  }
};
""",
    ),
    _python(
        "RD052",
        "nothing is returned",
        """
def handler(event, context): # RD052
    '''Returns no batchItemFailures.'''
    for record in event["Records"]:
        work(record)
""",
    ),
    _node(
        "RD052",
        "a comment is no report",
        """
// batchItemFailures: later
exports.handler = async (event) => { // RD052
  for (const record of event.Records) await work(record);
};
""",
        file="app.js",
    ),
    Case(
        "RD053",
        "a report that nobody reads",
        {TYPES: "", "  Feed:\n": "  Feed: # RD053\n"},
        code={"app.py": REPORTING},
    ),
    Case(
        "RD053",
        "a report made in another module",
        {TYPES: "", "  Feed:\n": "  Feed: # RD053\n"},
        code={
            "app.py": "from lib import batches\ndef handler(event, context): return batches.run()",
            "lib/__init__.py": "",
            "lib/batches.py": "from .deep import run",
            "lib/deep.py": "def run(): return {'batchItemFailures': []}",
        },
    ),
    Case(
        "RD053",
        "in a module of Node.js that another one loads",
        {**_NODE, TYPES: "", "  Feed:\n": "  Feed: # RD053\n"},
        code={
            "app.ts": "import { run } from './lib/run.js';\nexport const handler = run;",
            "lib/run.ts": "export const run = () => ({ batchItemFailures: [] });",
        },
    ),
    _node(
        "RD053",
        "in Node.js",
        "exports.handler = async (event) => ({ batchItemFailures: [] });",
        {TYPES: "", "  Feed:\n": "  Feed: # RD053\n"},
    ),
    _python(
        "RD054",
        "another name",
        "def main(event, context): ...",
        {"Handler: app.handler": "Handler: app.handler # RD054"},
    ),
    Case(
        "RD054",
        "another file",
        {"Handler: app.handler": "Handler: main.handler # RD054"},
    ),
    _python("RD054", "no Python", "x = 1\ndef handler(event, context) # RD054\n    pass"),
    _node(
        "RD054",
        "no such export",
        "export const main = async () => {};",
        {"Handler: app.handler": "Handler: app.handler # RD054"},
    ),
    _python(
        "RD055",
        "a processor for standard queues",
        """
from aws_lambda_powertools.utilities import batch

processor = batch.BatchProcessor(event_type=batch.EventType.SQS) # RD055

def handler(event, context):
    return batch.process_partial_response(event, one, processor, context)
""",
        FIFO,
    ),
]

GOOD_HANDLERS = [
    _python("RD050", "collected and returned", REPORTING),
    _python(
        "RD050",
        "raised again",
        """
def handler(event, context):
    for record in event["Records"]:
        try:
            work(record)
        except Exception:
            logger.exception("failed")
            raise
""",
    ),
    _python(
        "RD050",
        "raised at the end",
        """
def handler(event, context):
    errors = []
    for record in event["Records"]:
        try:
            work(record)
        except Exception as error:
            errors.append(error)
    if errors:
        raise ExceptionGroup("some failed", errors)
""",
    ),
    _python(
        "RD050",
        "a narrow one",
        """
def handler(event, context):
    for record in event["Records"]:
        try:
            work(record)
        except AlreadyDone:
            pass
""",
    ),
    _python(
        "RD050",
        "buried by hand",
        """
def handler(event, context):
    for record in event["Records"]:
        try:
            work(record)
        except Exception:
            sqs.send_message(QueueUrl=DEAD, MessageBody=record["body"])
""",
    ),
    _python(
        "RD050",
        "a fallback",
        """
def handler(event, context):
    for record in event["Records"]:
        try:
            price = ask(record)
        except Exception:
            price = 0
        keep(record, price)
""",
    ),
    _python(
        "RD050",
        "nothing to do with records",
        """
def handler(event, context):
    try:
        warm_up()
    except Exception:
        pass
    for record in event["Records"]:
        work(record)
""",
    ),
    _python(
        "RD051",
        "another queue's message",
        """
def handler(event, context):
    for record in event["Records"]:
        for message in sqs.receive_message(QueueUrl=URL)["Messages"]:
            sqs.delete_message(QueueUrl=URL, ReceiptHandle=message["ReceiptHandle"])
""",
    ),
    _python("RD052", "it reports", REPORTING),
    _python(
        "RD052",
        "Powertools reports",
        """
from aws_lambda_powertools.utilities.batch import process_partial_response

def handler(event, context):
    return process_partial_response(event, one, processor, context)
""",
    ),
    Case(
        "RD052",
        "another module reports",
        code={
            "app.py": "from batch import run\ndef handler(event, context): return run(event)",
            "batch.py": "def run(event): return dict(batchItemFailures=[])",
        },
    ),
    _node("RD052", "it reports", "export const handler = () => ({ batchItemFailures: [] });"),
    _python("RD053", "no report", "def handler(event, context): ...", _UNASKED),
    Case(
        "RD053",
        "another handler's report",
        _UNASKED,
        code={"app.py": "import json\ndef handler(event, context): ...", "other.py": REPORTING},
    ),
    Case(
        "RD053",
        "another handler's report in Node.js",
        {**_NODE, **_UNASKED},
        code={"app.js": "exports.handler = f;", "other.js": "f = { batchItemFailures: [] };"},
    ),
    Case(
        "RD051",
        "another handler's deleting",
        code={
            "app.py": "def handler(event, context): ...",
            "other.py": "def f(r): sqs.delete_message(ReceiptHandle=r['receiptHandle'])",
        },
    ),
    _python("RD054", "a class instance", "handler = App().handle"),
    _python("RD054", "from elsewhere", "from elsewhere import *"),
    _node("RD054", "a module's default", "module.exports = require('./other');", file="app.js"),
    Case("RD054", "no code to be had", {"app.handler": "main.handler"}, code={}),
    _python(
        "RD055", "a processor for standard queues", "p = BatchProcessor(x)\ndef handler(): ..."
    ),
    _python(
        "RD055",
        "one that stops",
        "p = SqsFifoPartialProcessor()\nq = BatchProcessor(x)\ndef handler(): ...",
        FIFO,
    ),
]
