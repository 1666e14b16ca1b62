"""The consumer: takes a batch of orders from the queue, and answers which of them failed.

    temporary trouble of the database ──> tried again here, at once (tenacity, in database.py)
    the payment provider is away ───────> reported: the queue delivers that order again later
    an order that cannot be priced ─────> the same, until the queue buries it in its DLQ

The queue delivers at least once: an order must have the same effect however often it comes.
"""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from database import Database
from payments import charge
from pricing import total_cents

logger = Logger()
processor = BatchProcessor(event_type=EventType.SQS)
database = Database(os.environ["DATABASE_PATH"])


def process_order(record: SQSRecord) -> None:
    """Price, charge and keep one order. What it raises fails this order, not the batch."""
    order = record.json_body
    receives = int(record.attributes.approximate_receive_count)
    logger.append_keys(order_id=order["order_id"], message_id=record.message_id, receives=receives)
    try:
        cents = total_cents(order)
        charge(database, order, cents)
        is_new = database.keep(order, cents, record.message_id, receives)
    except Exception:
        logger.exception("the order failed")  # the batch's answer has room for ids only
        raise
    logger.info("kept" if is_new else "kept before: nothing to do", cents=cents)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process a batch; the answer names the messages that failed."""
    return process_partial_response(
        event=event, record_handler=process_order, processor=processor, context=context
    )
