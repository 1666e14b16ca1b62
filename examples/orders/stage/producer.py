"""The shop's side: sends orders in batches, and sends again what was not acknowledged.

A batch whose answer never came may have arrived. It is sent again with the same order ids, which is
why the consumer must be idempotent.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stage.shop import Order

BATCH_SIZE = 10  # the most that SendMessageBatch takes
PAUSE_SECONDS = 0.1  # before what failed is sent again


class Producer:
    """Sends in threads while the demo goes on. `sqs` is a boto3 client, which threads may share.

    seconds: over how long the orders come in. messages counts what was acknowledged, resent the
    orders that had to be sent again, however often.
    """

    def __init__(
        self, sqs: Any, queue_url: str, orders: Sequence[Order], seconds: float, threads: int = 4
    ) -> None:
        self._sqs, self._queue_url = sqs, queue_url
        self._lock, self._over = threading.Lock(), threading.Event()
        self.messages = self.resent = 0
        batches = [orders[at : at + BATCH_SIZE] for at in range(0, len(orders), BATCH_SIZE)]
        self._pause_s = seconds * threads / len(batches)
        self._stagger_s = seconds / len(batches)  # a stream of batches, not a burst from all
        self._pool = ThreadPoolExecutor(threads, "producer")
        self._threads: list[Future[None]] = [
            self._pool.submit(self._send_all, first, batches[first::threads])
            for first in range(threads)
        ]

    @property
    def is_done(self) -> bool:
        """Tell whether every order was acknowledged. Raises what a thread has died of."""
        return all(thread.done() and thread.result() is None for thread in self._threads)

    def close(self) -> None:
        """Stop, done or not."""
        self._over.set()
        self._pool.shutdown()

    def _send_all(self, first: int, batches: Sequence[Sequence[Order]]) -> None:
        self._over.wait(first * self._stagger_s)
        for batch in batches:
            left = {order.order_id: json.dumps(order.body) for order in batch}
            again: set[str] = set()
            while left and not self._over.is_set():
                acknowledged = self._send(left)
                for order_id in acknowledged:
                    del left[order_id]
                with self._lock:
                    self.messages += len(acknowledged)
                    self.resent += len(left.keys() - again)
                again |= left.keys()
                if left:
                    self._over.wait(PAUSE_SECONDS)
            self._over.wait(self._pause_s)

    def _send(self, bodies: dict[str, str]) -> list[str]:
        """Return the ids of the orders whose messages the queue has acknowledged."""
        entries = [{"Id": order_id, "MessageBody": body} for order_id, body in bodies.items()]
        try:
            answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                raise  # our mistake: to send it again would not help
            return []
        except BotoCoreError:  # no connection, or it broke before the answer came
            return []
        return [sent["Id"] for sent in answer.get("Successful", ())]
