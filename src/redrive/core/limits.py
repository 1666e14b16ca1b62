"""Every quota: its name, its value in the unit that ends the name, the page that states it."""

from __future__ import annotations

from redrive.core.time import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

# Amazon SQS (API reference 2012-11-05; Developer Guide, "Amazon SQS message quotas")
DELAY_MS_MAX = 900 * SECOND_MS  # API_SendMessage, DelaySeconds
VISIBILITY_MS_MAX = 12 * HOUR_MS  # API_ChangeMessageVisibility
WAIT_MS_MAX = 20 * SECOND_MS  # API_ReceiveMessage, WaitTimeSeconds
RECEIVE_COUNT_MAX = 10  # API_ReceiveMessage, MaxNumberOfMessages
BATCH_ENTRIES_MAX = 10  # API_SendMessageBatch
BATCH_BYTES_MAX = (
    1_048_576  # API_SendMessageBatch: all entries together, whatever the queue's own limit
)
MESSAGE_BYTES_MIN = 1_024  # API_SetQueueAttributes, MaximumMessageSize
MESSAGE_BYTES_MAX = 1_048_576
MESSAGE_ATTRIBUTES_MAX = 10  # Developer Guide, "Message attributes"
IN_FLIGHT_MAX = 120_000  # Developer Guide, "Quotas related to messages"
DEDUPLICATION_MS = 5 * MINUTE_MS  # Developer Guide, "Exactly-once processing"; receive attempts too
PURGE_INTERVAL_MS = 60 * SECOND_MS  # API_PurgeQueue
RECREATE_MS = 60 * SECOND_MS  # API_DeleteQueue
MOVE_RATE_MAX = 500  # API_StartMessageMoveTask, messages a second
MOVE_TASKS_ACTIVE_MAX = 100  # Developer Guide, "Dead-letter queue redrive", for an account
MOVE_TASK_MS_MAX = 36 * HOUR_MS  # the same page
LIST_RESULTS_MAX = 1_000  # API_ListQueues, MaxResults
POLICY_BYTES_MAX = 8_192  # Developer Guide, "Quotas related to policies"
POLICY_STATEMENTS_MAX = 20  # the same page
POLICY_PRINCIPALS_MAX = 50  # the same page
POLICY_CONDITIONS_MAX = 10  # the same page; it does not say of what, we take it of a statement
PERMISSION_ACTIONS_MAX = 7  # API_AddPermission
TAGS_MAX = 50  # Developer Guide, "Cost allocation tags"

# Redrive's own
HISTORY_AGE_MS_MAX = (
    14 * DAY_MS
)  # as long as the longest retention: a dead message keeps its life-line
HISTORY_ROWS_MAX = 200_000  # about 50 MB of life-lines
RECORDS_MAX = 1_000  # that a mapping receives at once: some tens of milliseconds
RECENT_MAX = 10_000  # first-try successes that are remembered in memory
REAP_INTERVAL_MS = MINUTE_MS // 6
