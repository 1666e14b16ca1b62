"""A template with a queue, its dead-letter queue and a function that does what messages say."""

from __future__ import annotations

from pathlib import Path

TEMPLATE = """
Resources:
  Dead:
    Type: AWS::SQS::Queue
  Orders:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: orders
      VisibilityTimeout: 30
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
  Aside:
    Type: AWS::SQS::Queue
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}
  Worker:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: app.handler
      Timeout: 1
      Role: !GetAtt Role.Arn
      Code: src
      Environment:
        Variables: {ORDERS: !Ref Orders, ASIDE: !Ref Aside}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !GetAtt Orders.Arn
      FunctionName: !Ref Worker
      BatchSize: 1
      FunctionResponseTypes: []
Outputs:
  OrdersUrl: {Value: !Ref Orders}
"""

CODE = """
import os
import time

import boto3


def handler(event, context):
    for record in (event or {}).get("Records", ()):
        act(record["body"], context)
    return event


def act(body, context):
    print("got", body, 0 < context.get_remaining_time_in_millis() <= 1000)
    if body == "bad":
        raise ValueError("no")
    if body == "hang":
        time.sleep(60)
    if body == "again":
        boto3.client("sqs").send_message(QueueUrl=os.environ["ORDERS"], MessageBody="again")
    if body == "look":
        found = boto3.client("sqs").receive_message(
            QueueUrl=os.environ["ASIDE"], WaitTimeSeconds=int(os.environ.get("WAIT", "0"))
        )
        print("found", len(found.get("Messages", ())))
"""


def write_template(folder: Path, template: str = TEMPLATE, code: str = CODE) -> Path:
    """Write both and return the template's path."""
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "app.py").write_text(code)
    path = folder / "template.yaml"
    path.write_text(template)
    return path
