"""A function that takes its time and never fails. It writes down what it has processed."""

import os
import time
from pathlib import Path

SECONDS = 0.5


def handler(event, context):
    """Work on each message for half a second."""
    for record in event["Records"]:
        time.sleep(SECONDS)
        with Path(os.environ["PROCESSED"]).open("a", encoding="utf-8") as file:
            file.write(f"{record['body']}\n")
