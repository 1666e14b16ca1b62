"""Queues: SQS on standard queues, dead-letter queues, move tasks, and each message's life-line."""
