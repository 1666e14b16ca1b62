"""Templates, each with what it is not to be found guilty of; see `cases`."""

from __future__ import annotations

from tests.unit.core.lessons.cases import (
    ARN,
    DEAD,
    DESTINATION,
    FIFO,
    PERMISSION,
    POLICY,
    QUEUE,
    SECOND,
    TYPES,
    VISIBILITY,
    Case,
    function,
    mapping,
    more,
    policy,
)

GOOD = [
    Case("RD001", "a value from elsewhere", {"!Ref Worker": "!ImportValue worker"}),
    Case(
        "RD001",
        "a parameter without a value",
        {
            VISIBILITY: "VisibilityTimeout: !Ref Rest",
            "Resources:": "Parameters: {Rest: {Type: Number}}\nResources:",
        },
    ),
    Case(
        "RD002",
        "an id that is one",
        {QUEUE: QUEUE.replace("    Prop", "    Metadata: {Redrive: {Ignore: [RD020]}}\n    Prop")},
    ),
    Case("RD010", "as long as it takes", {VISIBILITY: "VisibilityTimeout: 10"}),
    Case(
        "RD010",
        "a parameter without a value",
        {
            VISIBILITY: "VisibilityTimeout: !Ref Rest",
            "Resources:": "Parameters: {Rest: {Type: Number}}\nResources:",
        },
    ),
    Case("RD011", "six times as long", {}),
    Case("RD012", "50 s of window", mapping("MaximumBatchingWindowInSeconds: 50")),
    Case("RD013", "301 s", {VISIBILITY: f"{VISIBILITY}\n      MessageRetentionPeriod: 301"}),
    Case("RD014", "fourteen days", {}),
    Case("RD014", "a FIFO queue begins anew", FIFO),
    Case("RD015", "no delay", {}),
    Case(
        "RD020",
        "no source of events",
        {POLICY: "", "!GetAtt Jobs.Arn": f"{ARN}x"},
    ),
    Case("RD021", "two FIFO queues", FIFO),
    Case(
        "RD022",
        "a chain",
        {
            DEAD: DEAD.replace(
                "{Mess", "{RedrivePolicy: {deadLetterTargetArn: x, maxReceiveCount: 9}, Mess"
            )
        },
    ),
    Case(
        "RD023",
        "its source is allowed, by name",
        {
            VISIBILITY: f"{VISIBILITY}\n      QueueName: jobs",
            DEAD: DEAD.replace(
                "{Mess",
                "{RedriveAllowPolicy: {redrivePermission: byQueue, sourceQueueArns:"
                " ['arn:aws:sqs:us-east-1:000000000000:jobs']}, Mess",
            ),
        },
    ),
    Case("RD024", "an alarm", {}),
    Case("RD025", "five receives", {}),
    Case("RD027", "a minute of rest", {}),
    Case("RD030", "one message", {TYPES: "      BatchSize: 1\n"}, code={}),
    Case("RD030", "it reports", {}),
    Case(
        "RD032",
        "a window",
        {**mapping("BatchSize: 100\nMaximumBatchingWindowInSeconds: 1")},
    ),
    Case("RD033", "no window", FIFO),
    Case("RD034", "ten", {**FIFO, **mapping("BatchSize: 10")}),
    Case("RD035", "two messages", mapping("BatchSize: 2\nMaximumBatchingWindowInSeconds: 5")),
    Case(
        "RD036", "two functions", template=more(SECOND + "      EventSourceArn: !GetAtt Jobs.Arn")
    ),
    Case(
        "RD037",
        "a paused one",
        template=more(SECOND + "      Enabled: false\n      EventSourceArn: !GetAtt Jobs.Arn"),
    ),
    Case("RD038", "no filter", {}),
    Case(
        "RD040",
        "limited to what there is",
        {
            **function("ReservedConcurrentExecutions: 2"),
            **policy(3),
            **mapping("ScalingConfig: {MaximumConcurrency: 2}"),
        },
    ),
    Case("RD040", "five receives", function("ReservedConcurrentExecutions: 1")),
    Case("RD041", "limited", {**policy(3), **mapping("ScalingConfig: {MaximumConcurrency: 2}")}),
    Case(
        "RD042",
        "as many",
        {
            **function("ReservedConcurrentExecutions: 3"),
            **mapping("ScalingConfig: {MaximumConcurrency: 3}"),
        },
    ),
    Case(
        "RD043",
        "ten at once",
        mapping("BatchSize: 1\nScalingConfig: {MaximumConcurrency: 10}"),
    ),
    Case(
        "RD044",
        "paused",
        {**function("ReservedConcurrentExecutions: 0"), **mapping("Enabled: false")},
    ),
    Case(
        "RD045",
        "limited",
        {
            **function("ReservedConcurrentExecutions: 9"),
            **mapping("ScalingConfig: {MaximumConcurrency: 9}"),
        },
    ),
    Case("RD060", "a destination", template=more(PERMISSION + DESTINATION)),
    Case("RD060", "only a queue", {}),
    Case(
        "RD061",
        "a topic invokes it too",
        function("DeadLetterConfig: {TargetArn: !GetAtt Dead.Arn}"),
        template=more(PERMISSION),
    ),
    Case("RD062", "a timeout", {}),
    Case("RD063", "memory", {}),
    Case("RD070", "twelve hours", {VISIBILITY: "VisibilityTimeout: 43200"}),
    Case("RD071", "a current one", {}),
    Case("RD072", "80 characters", {VISIBILITY: f"QueueName: {'q' * 80}"}),
    Case(
        "RD073",
        "a FIFO queue's name",
        {**FIFO, DEAD: FIFO[DEAD].replace("{Fifo", "{QueueName: d.fifo, Fifo")},
    ),
    Case("RD074", "five layers", function("Layers: [a, b, c, d, e]")),
    Case("RD075", "a queue's options", mapping("ScalingConfig: {MaximumConcurrency: 5}")),
    Case(
        "RD075",
        "a stream",
        {
            "!GetAtt Jobs.Arn": "arn:aws:kinesis:us-east-1:000000000000:stream/x",
            **mapping("StartingPosition: LATEST"),
        },
    ),
    Case("RD078", "an array", mapping("FilterCriteria: {Filters: [{Pattern: '{\"body\": [1]}'}]}")),
    Case("RD076", "one of them", mapping("ProvisionedPollerConfig: {MinimumPollers: 2}")),
    Case(
        "RD077",
        "five filters",
        mapping("FilterCriteria: {Filters: [" + ", ".join(["{Pattern: '{}'}"] * 5) + "]}"),
    ),
]
