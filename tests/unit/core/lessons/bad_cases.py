"""Templates, each with what it is to be found guilty of; see `cases`."""

from __future__ import annotations

from tests.unit.core.lessons.cases import (
    ARN,
    CONFIG,
    DEAD,
    FIFO,
    MEMORY,
    PERMISSION,
    POLICY,
    QUEUE,
    SECOND,
    TIMEOUT,
    TWICE,
    TYPES,
    VISIBILITY,
    Case,
    dead,
    function,
    mapping,
    more,
    policy,
)

BAD = [
    Case("RD001", "a reference to nothing", {"!Ref Worker": "!Ref Wroker # RD001"}),
    Case(
        "RD001",
        "an attribute that queues do not have",
        {"!GetAtt Jobs.Arn": "!GetAtt Jobs.Name # RD001"},
    ),
    Case(
        "RD002",
        "an id that is none",
        {
            QUEUE: QUEUE.replace(
                "    Prop", "    Metadata: {Redrive: {Ignore: [RD999]}} # RD002\n    Prop"
            )
        },
    ),
    Case("RD010", "10 s of 5", {VISIBILITY: "VisibilityTimeout: 5 # RD010"}),
    Case(
        "RD010",
        "the default of 30 s",
        {
            TIMEOUT: "Timeout: 900\n",
            f"      {VISIBILITY}\n": "",
            "  Jobs:\n": "  Jobs: # RD010\n",
        },
    ),
    Case("RD011", "59 s where 60 are advised", {VISIBILITY: "VisibilityTimeout: 59 # RD011"}),
    Case(
        "RD011",
        "a window on top",
        {
            VISIBILITY: "VisibilityTimeout: 60 # RD011",
            **mapping("MaximumBatchingWindowInSeconds: 1"),
        },
    ),
    Case(
        "RD011",
        "a parameter given as text",
        {
            VISIBILITY: "VisibilityTimeout: !Ref Rest # RD011",
            "Resources:": "Parameters: {Rest: {Type: Number}}\nResources:",
        },
        parameters={"Rest": "59"},
    ),
    Case("RD012", "60 s of window", mapping("MaximumBatchingWindowInSeconds: 51 # RD012")),
    Case(
        "RD013",
        "5 x 60 s of 300",
        {VISIBILITY: f"{VISIBILITY}\n      MessageRetentionPeriod: 300 # RD013"},
    ),
    Case(
        "RD014",
        "as long as its source",
        {DEAD: "  Dead: # RD014\n    Type: AWS::SQS::Queue"},
    ),
    Case(
        "RD014",
        "shorter",
        {DEAD: dead("MessageRetentionPeriod: 60 # RD014")},
    ),
    Case(
        "RD015",
        "delayed beyond its end",
        {VISIBILITY: "DelaySeconds: 600 # RD015\n      MessageRetentionPeriod: 600"},
    ),
    Case("RD020", "a poison message's home", {POLICY: "", "  Jobs:\n": "  Jobs: # RD020\n"}),
    Case(
        "RD021",
        "a FIFO queue with a standard one",
        {
            VISIBILITY: "FifoQueue: true",
            POLICY: policy(5)[POLICY].replace("Dead.Arn", "Dead.Arn # RD021"),
        },
    ),
    Case(
        "RD021",
        "a standard queue with a FIFO one elsewhere",
        {POLICY: POLICY.replace("!GetAtt Dead.Arn", f"'{ARN}dead.fifo'") + " # RD021"},
    ),
    Case(
        "RD022",
        "a ring of two",
        {
            DEAD: dead(
                "RedrivePolicy:\n  deadLetterTargetArn: !GetAtt Jobs.Arn\n  maxReceiveCount: 5"
            ).replace("Policy:", "Policy: # RD022")
        },
    ),
    Case(
        "RD022",
        "a queue that is its own",
        {POLICY: POLICY.replace("Dead", "Jobs") + " # RD022"},
    ),
    Case(
        "RD023",
        "nobody is allowed",
        {DEAD: dead("RedriveAllowPolicy: {redrivePermission: denyAll} # RD023")},
    ),
    Case(
        "RD023",
        "another one is allowed",
        {
            DEAD: dead(
                "RedriveAllowPolicy: # RD023\n  redrivePermission: byQueue\n"
                f"  sourceQueueArns: ['{ARN}x']"
            )
        },
    ),
    Case(
        "RD024",
        "an alarm on another queue",
        {
            "!GetAtt Dead.QueueName": "!GetAtt Jobs.QueueName",
            "  Dead: {Type: AWS::SQS::Queue, Properties: {MessageRetentionPeriod: 1209600}}": DEAD
            + " # RD024",
        },
    ),
    Case("RD025", "one receive", policy(1, " # RD025")),
    Case(
        "RD027",
        "six hours of rest for ten seconds of work",
        {VISIBILITY: "VisibilityTimeout: 21600 # RD027"},
    ),
    Case("RD030", "a default batch", {TYPES: "", "  Feed:\n": "  Feed: # RD030\n"}, code={}),
    Case("RD030", "a batch of two", {TYPES: "      BatchSize: 2 # RD030\n"}, code={}),
    Case("RD032", "eleven", mapping("BatchSize: 11 # RD032")),
    Case("RD033", "a window", {**FIFO, **mapping("MaximumBatchingWindowInSeconds: 1 # RD033")}),
    Case("RD034", "eleven", {**FIFO, **mapping("BatchSize: 11 # RD034")}),
    Case(
        "RD034",
        "of a queue elsewhere",
        {
            "!GetAtt Jobs.Arn": "arn:aws:sqs:us-east-1:000000000000:x.fifo",
            **mapping("BatchSize: 11 # RD034"),
        },
    ),
    Case(
        "RD035",
        "one message",
        mapping("BatchSize: 1\nMaximumBatchingWindowInSeconds: 5 # RD035"),
    ),
    Case("RD036", "by two names", template=more(TWICE)),
    Case(
        "RD037",
        "two functions",
        template=more(SECOND + "      EventSourceArn: !GetAtt Jobs.Arn # RD037"),
    ),
    Case(
        "RD038",
        "a filter",
        mapping("FilterCriteria: {Filters: [{Pattern: '{}'}]} # RD038"),
    ),
    Case(
        "RD040",
        "one at a time, three receives",
        {**function("ReservedConcurrentExecutions: 1"), **policy(3, " # RD040")},
    ),
    Case(
        "RD040",
        "a limit above the reservation",
        {
            **function("ReservedConcurrentExecutions: 2"),
            **policy(4, " # RD040"),
            **mapping("ScalingConfig: {MaximumConcurrency: 3}"),
        },
    ),
    Case("RD041", "three receives", policy(3, " # RD041")),
    Case(
        "RD042",
        "four of three",
        {
            **function("ReservedConcurrentExecutions: 3"),
            **mapping("ScalingConfig: {MaximumConcurrency: 4} # RD042"),
        },
    ),
    Case(
        "RD043",
        "one by one, two at once",
        mapping("BatchSize: 1 # RD043\nScalingConfig: {MaximumConcurrency: 2}"),
    ),
    Case("RD044", "switched off", function("ReservedConcurrentExecutions: 0 # RD044")),
    Case(
        "RD045",
        "a reservation alone",
        {**function("ReservedConcurrentExecutions: 9"), "  Feed:\n": "  Feed: # RD045\n"},
    ),
    Case(
        "RD060",
        "a topic's subscriber",
        {"  Worker:\n": "  Worker: # RD060\n"},
        template=more(PERMISSION),
    ),
    Case(
        "RD061",
        "its own dead-letter queue",
        function("DeadLetterConfig: {TargetArn: !GetAtt Dead.Arn} # RD061"),
    ),
    Case("RD061", "its own retries", template=more(CONFIG)),
    Case("RD062", "no timeout", {f"      {TIMEOUT}": "", "  Worker:\n": "  Worker: # RD062\n"}),
    Case("RD063", "no memory", {MEMORY: "", "  Worker:\n": "  Worker: # RD063\n"}),
    Case("RD070", "a day of visibility", {VISIBILITY: "VisibilityTimeout: 86400 # RD070"}),
    Case("RD070", "one at once", mapping("ScalingConfig: {MaximumConcurrency: 1} # RD070")),
    Case("RD070", "a thousand seconds", {TIMEOUT: "Timeout: 901 # RD070\n"}),
    Case("RD071", "a retired one", {"python3.13": "python3.7 # RD071"}),
    Case("RD071", "none", {"python3.13": "pyhton3.13 # RD071"}),
    Case("RD072", "81 characters", {VISIBILITY: f"QueueName: {'q' * 81} # RD072"}),
    Case("RD072", "a blank", function("FunctionName: my worker # RD072")),
    Case(
        "RD073",
        "a name without its end",
        {**FIFO, DEAD: FIFO[DEAD].replace("{Fifo", "{QueueName: d, Fifo") + " # RD073"},
    ),
    Case("RD073", "an end without its kind", {VISIBILITY: "QueueName: a.fifo # RD073"}),
    Case("RD074", "six layers", function("Layers: [a, b, c, d, e, f] # RD074")),
    Case(
        "RD074",
        "Lambda's own name",
        function("Environment:\n  Variables:\n    AWS_REGION: x # RD074"),
    ),
    Case(
        "RD074",
        "5,000 bytes",
        function(f"Environment:\n  Variables: {{A: {'x' * 5000}}} # RD074"),
    ),
    Case("RD075", "a stream's option", mapping("MaximumRetryAttempts: 2 # RD075")),
    Case(
        "RD076",
        "both",
        mapping(
            "ScalingConfig: {MaximumConcurrency: 5}\n"
            "ProvisionedPollerConfig: {MinimumPollers: 2} # RD076"
        ),
    ),
    Case(
        "RD078",
        "a bare value",
        mapping("FilterCriteria: {Filters: [{Pattern: '{\"a\": 1}'}]} # RD078"),
    ),
    Case(
        "RD077",
        "six filters",
        mapping("FilterCriteria: {Filters: [" + ", ".join(["{Pattern: '{}'}"] * 6) + "]} # RD077"),
    ),
]
