"""What the cases of the lessons are made of: one template that is in order, and ways to spoil it.

A comment `# RD010` (in JavaScript `// RD010`) stands at the end of the line that a finding must
name. Each rule has at least one case that it speaks of and one of which it is silent.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PAIR = """
Resources:
  Dead: {Type: AWS::SQS::Queue, Properties: {MessageRetentionPeriod: 1209600}}
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 60
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5}
  Worker:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.13
      Handler: app.handler
      Code: src
      Role: arn:aws:iam::000000000000:role/r
      Timeout: 10
      MemorySize: 512
  Feed:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !GetAtt Jobs.Arn
      FunctionName: !Ref Worker
      FunctionResponseTypes: [ReportBatchItemFailures]
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      MetricName: ApproximateNumberOfMessagesVisible
      Dimensions: [{Name: QueueName, Value: !GetAtt Dead.QueueName}]
"""
"""What no rule has anything to say about; the cases change it."""

REPORTING = """
def handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            work(record)
        except Exception:
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A template, or PAIR with texts replaced, and the code of its functions."""

    rule: str
    name: str
    changes: dict[str, str] = field(default_factory=dict)
    template: str = PAIR
    code: dict[str, str] = field(default_factory=lambda: {"app.py": REPORTING})
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The template's text; every text to be replaced is in it."""
        text = self.template
        for old, new in self.changes.items():
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
            text = text.replace(old, new)
        return text


VISIBILITY = "VisibilityTimeout: 60"
TIMEOUT = "Timeout: 10\n"
MEMORY = "      MemorySize: 512\n"
TYPES = "      FunctionResponseTypes: [ReportBatchItemFailures]\n"
REPORTS = "FunctionResponseTypes: [ReportBatchItemFailures]"
QUEUE = "  Jobs:\n    Type: AWS::SQS::Queue\n    Properties:\n"
DEAD = "  Dead: {Type: AWS::SQS::Queue, Properties: {MessageRetentionPeriod: 1209600}}"
POLICY = "      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5}"
ARN = "arn:aws:sqs:us-east-1:000000000000:"
FIFO = {
    DEAD: "  Dead: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}",
    VISIBILITY: f"{VISIBILITY}\n      FifoQueue: true",
}


def mapping(more: str) -> dict[str, str]:
    """Return the change that adds lines to the mapping."""
    lines = "".join(f"      {line}\n" for line in more.splitlines())
    return {TYPES: TYPES + lines}


def function(more: str) -> dict[str, str]:
    lines = "".join(f"      {line}\n" for line in more.splitlines())
    return {MEMORY: MEMORY + lines}


def policy(count: int, mark: str = "") -> dict[str, str]:
    return {
        POLICY: "      RedrivePolicy:\n        deadLetterTargetArn: !GetAtt Dead.Arn\n"
        f"        maxReceiveCount: {count}{mark}"
    }


def dead(properties: str) -> str:
    lines = "".join(f"      {line}\n" for line in properties.splitlines())
    return f"  Dead:\n    Type: AWS::SQS::Queue\n    Properties:\n{lines}".rstrip("\n")


def more(resources: str) -> str:
    return PAIR + resources.strip("\n") + "\n"


SECOND = """
  Other:
    Type: AWS::Lambda::Function
    Properties: {Runtime: python3.13, Handler: app.handler, Code: src, Timeout: 10, MemorySize: 512}
  Second:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !GetAtt Other.Arn
      FunctionResponseTypes: [ReportBatchItemFailures]
"""
TWICE = """
  Again: # RD036
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !Sub "${Jobs.Arn}"
      FunctionName: !Sub "${Worker.Arn}:live"
      FunctionResponseTypes: [ReportBatchItemFailures]
"""
PERMISSION = """
  Allow:
    Type: AWS::Lambda::Permission
    Properties:
      FunctionName: !Ref Worker
      Action: lambda:InvokeFunction
      Principal: sns.amazonaws.com
"""
CONFIG = """
  Config:
    Type: AWS::Lambda::EventInvokeConfig
    Properties:
      FunctionName: !Ref Worker
      Qualifier: $LATEST
      MaximumRetryAttempts: 0 # RD061
"""
DESTINATION = """
  Config:
    Type: AWS::Lambda::EventInvokeConfig
    Properties:
      FunctionName: !Ref Worker
      Qualifier: $LATEST
      DestinationConfig: {OnFailure: {Destination: !GetAtt Dead.Arn}}
"""
