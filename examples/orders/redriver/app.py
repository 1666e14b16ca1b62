"""The redriver: sends what is in the dead-letter queue back to where it came from.

Invoked by a person once the cause is mended, or by a schedule. boto3 comes with AWS's runtimes.
"""

from __future__ import annotations

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
sqs = boto3.client("sqs")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str]:
    """Start the move of all dead letters; returns the task's handle, by which it can be cancelled.

    event: {"per_second": N} moves at most N messages a second, so that what was mended is not
    flooded.
    """
    pace = {"MaxNumberOfMessagesPerSecond": event["per_second"]} if "per_second" in event else {}
    task = sqs.start_message_move_task(SourceArn=os.environ["DLQ_ARN"], **pace)
    logger.info("redrive started", task_handle=task["TaskHandle"])
    return {"task_handle": task["TaskHandle"]}
