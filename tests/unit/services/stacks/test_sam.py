"""SAM templates: expanded offline by AWS's translator, with their local code and their lines."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap

import pytest

from redrive.services.stacks.model import TemplateError, World
from redrive.services.stacks.resolve import resolve
from redrive.services.stacks.sam import expand, expand_document
from redrive.services.stacks.serverless import label_notes, local_code, with_packages
from redrive.services.stacks.template import Document, load

ORDERS = """\
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: dev}
Globals:
  Function:
    Runtime: python3.12
    Timeout: 10
    CodeUri: shared
    Environment: {Variables: {STAGE: !Ref Stage}}
Resources:
  OrdersQueue:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 60
      RedrivePolicy:
        deadLetterTargetArn: !GetAtt OrdersDLQ.Arn
        maxReceiveCount: 3
  OrdersDLQ:
    Type: AWS::SQS::Queue
  Consumer:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/consumer
      Handler: app.handler
      ReservedConcurrentExecutions: 5
      Policies:
        - SQSPollerPolicy: {QueueName: !GetAtt OrdersQueue.QueueName}
        - AmazonSQSFullAccess
      Events:
        Orders:
          Type: SQS
          Properties:
            Queue: !GetAtt OrdersQueue.Arn
            BatchSize: 10
            FunctionResponseTypes: [ReportBatchItemFailures]
  Redriver:
    Type: AWS::Serverless::Function
    Properties:
      Handler: redriver.handler
      Environment: {Variables: {DLQ_ARN: !GetAtt OrdersDLQ.Arn}}
      Policies:
        - Statement:
            - {Effect: Allow, Action: "sqs:StartMessageMoveTask", Resource: !GetAtt OrdersDLQ.Arn}
Outputs:
  QueueUrl: {Value: !Ref OrdersQueue}
  ConsumerArn: {Value: !GetAtt Consumer.Arn}
"""


def expanded(text: str) -> Document:
    """Expand a template's text."""
    return expand_document(load(textwrap.dedent(text)), {}, "eu-west-1")


def test_orders_expands_and_plans(world: World, deploy) -> None:
    """The pattern in SAM becomes two queues, two functions with roles, and one mapping."""
    document = expanded(ORDERS)
    assert local_code(document.body) == {"Consumer": "src/consumer", "Redriver": "shared"}
    folders = {"Consumer": "/cache/a", "Redriver": "/cache/b"}
    packaged = Document(
        with_packages(document.body, folders), document.lines, document.name, document.origins
    )
    stack = resolve(packaged, {}, world)
    actions, rows = deploy(stack)
    assert sorted(action.type for action in actions) == [
        "AWS::IAM::Role",
        "AWS::IAM::Role",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Lambda::Function",
        "AWS::SQS::Queue",
        "AWS::SQS::Queue",
    ]
    assert [action.logical_id for action in actions][-1] == "ConsumerOrders"
    consumer = next(row for row in rows if row.logical_id == "Consumer").properties
    assert consumer["Code"] == {"S3Bucket": "redrive-local", "S3Key": "/cache/a"}
    assert (consumer["Timeout"], consumer["Runtime"]) == (10, "python3.12")
    assert consumer["ReservedConcurrentExecutions"] == 5
    redriver = next(row for row in rows if row.logical_id == "Redriver").properties
    assert set(redriver["Environment"]["Variables"]) == {"STAGE", "DLQ_ARN"}
    mapping = next(row for row in rows if row.logical_id == "ConsumerOrders").properties
    assert mapping["BatchSize"] == 10
    assert mapping["EventSourceArn"].startswith("arn:aws:sqs:us-east-1:000000000000:shop-OrdersQ")
    assert not deploy(stack, rows)[0]


def test_generated_resources_have_the_lines_of_their_source() -> None:
    """A role has its function's lines, a mapping its event's, a property its own."""
    document = expanded(ORDERS)
    lines = ORDERS.splitlines()

    def text(*path: str) -> str:
        line = document.line(("Resources", *path))
        assert line
        return lines[line - 1].strip()

    assert text("ConsumerRole", "Properties", "Policies") == "Policies:"
    assert text("ConsumerRole", "Properties", "Path") == "Properties:"
    assert text("ConsumerOrders") == "Orders:"
    assert text("ConsumerOrders", "Properties", "BatchSize") == "BatchSize: 10"
    assert text("Consumer", "Properties", "Handler") == "Handler: app.handler"
    assert text("Redriver", "Properties", "Timeout") == "Properties:"


def test_inline_code_and_s3(problems_of) -> None:
    """Inline code passes through; code in S3 is left for the check that refuses it."""
    text = """\
        Transform: AWS::Serverless-2016-10-31
        Resources:
          A:
            Type: AWS::Serverless::Function
            Properties: {InlineCode: "x = 1", Handler: index.handler, Runtime: python3.12}
          B:
            Type: AWS::Serverless::Function
            Properties: {CodeUri: "s3://bucket/key", Handler: index.handler, Runtime: python3.12}
    """
    resources = expanded(text).body["Resources"]
    assert resources["A"]["Properties"]["Code"] == {"ZipFile": "x = 1"}
    assert resources["B"]["Properties"]["Code"] == {"S3Bucket": "bucket", "S3Key": "key"}


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("DurableConfig: {}", "template.yaml:6: F.DurableConfig: DurableConfig is not"),
        (
            "Hander: x",
            "unknown property of AWS::Serverless::Function: Hander; did you mean Handler?",
        ),
        ("Events: {E: {Type: Api}}", "template.yaml:6: F.Events.E: unknown event type Api"),
        ("ImageUri: x", "container images are not run here: give a CodeUri"),
        ("Runtime: python3.12", "template.yaml:3: F: Only one of 'InlineCode' or 'CodeUri'"),
        (
            "InlineCode: x\n      Events: {E: {Type: SQS, Properties: {Queu: x}}}",
            "template.yaml:7: F.Events.E: property Queu not defined",
        ),
    ],
)
def test_refusals(function: str, said: str) -> None:
    """What cannot be expanded is told by the logical id and line that the person wrote."""
    text = (
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n"
        f"    Type: AWS::Serverless::Function\n    Properties:\n      {function}\n"
    )
    with pytest.raises(TemplateError) as caught:
        expanded(text)
    assert said in str(caught.value)


def test_other_serverless_types_and_globals_are_refused() -> None:
    """Every SAM type but functions, and Globals that cannot be kept, are told together."""
    with pytest.raises(TemplateError) as caught:
        expanded("""\
            Transform: AWS::Serverless-2016-10-31
            Globals: {Function: {DurableConfig: {}}}
            Resources:
              Api: {Type: AWS::Serverless::Api}
        """)
    assert [str(problem)[:40] for problem in caught.value.problems] == [
        "template.yaml:2: Globals.Function.Durabl",
        "template.yaml:4: Api.Type: unknown resou",
    ]


def test_expanding_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    """The library writes nothing that would reach a person's terminal."""
    expand(load(ORDERS).body, {}, "us-east-1")
    gc.collect()
    assert not caplog.records


def test_the_source_is_not_changed() -> None:
    """Expanding leaves the given template as it was, so that it can be expanded again."""
    body = load(ORDERS).body
    first = expand(body, {}, "us-east-1")
    assert body == load(ORDERS).body
    assert expand(body, {}, "us-east-1") == first


def test_the_slow_library_is_not_imported_for_plain_templates() -> None:
    """All of the stacks service but `sam` works without aws-sam-translator being imported."""
    code = (
        "import sys; from redrive.services.stacks import plan, resolve, serverless;"
        "sys.exit(any(name.startswith(('samtranslator', 'boto')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


PUBLISHED = """\
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.12, Handler: app.handler, CodeUri: src, AutoPublishAlias: live}
Resources:
  Dead: {Type: AWS::SQS::Queue}
  Jobs: {Type: AWS::SQS::Queue}
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layer, CompatibleRuntimes: [python3.12]}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      DeploymentPreference: {Type: Canary10Percent5Minutes}
      Layers: [!Ref Shared]
      DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Dead.Arn}
      FunctionUrlConfig: {AuthType: NONE, Cors: {AllowOrigins: ["*"]}}
      ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 2}
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        DestinationConfig:
          OnFailure: {Type: SQS, Destination: !GetAtt Dead.Arn}
      Events:
        Job:
          Type: SQS
          Properties:
            Queue: !GetAtt Jobs.Arn
            FilterCriteria: {Filters: [{Pattern: '{"body": {"kind": ["a"]}}'}]}
            ScalingConfig: {MaximumConcurrency: 5}
Outputs:
  Url: {Value: !GetAtt WorkerUrl.FunctionUrl}
"""


def names(document: Document, kind: str) -> list[str]:
    """Return the logical ids of a type."""
    found = document.body["Resources"].items()
    return [name for name, resource in found if resource["Type"] == kind]


def test_what_a_published_function_expands_to(world: World, deploy) -> None:
    """Version, alias, URL, layer and asynchronous settings come out of the expansion, and all of
    them are made."""
    document = expanded(PUBLISHED)
    code = local_code(document.body)
    assert set(code.values()) == {"src", "layer"}
    lines = PUBLISHED.splitlines()
    (layer,) = names(document, "AWS::Lambda::LayerVersion")
    assert lines[(document.line(("Resources", layer)) or 0) - 1].strip() == "Shared:"
    body = document.body["Resources"]
    for name in code:
        place = "Content" if name == layer else "Code"
        body[name]["Properties"][place] = {"S3Bucket": "redrive-local", "S3Key": f"/{name}"}
    actions, rows = deploy(resolve(document, {}, world))
    made = {
        action.type: [(each.operation, each.params) for each in action.requests]
        for action in actions
    }
    ((operation, alias), (_, provisioned)) = made["AWS::Lambda::Alias"]
    assert (operation, alias["Name"], alias["FunctionVersion"]) == ("CreateAlias", "live", "7")
    assert provisioned["ProvisionedConcurrentExecutions"] == 2
    ((_, function),) = made["AWS::Lambda::Function"]
    assert function["Layers"] == ["arn:aws:lambda:us-east-1:000000000000:layer:shared:7"]
    assert function["DeadLetterConfig"]["TargetArn"].startswith("arn:aws:sqs:")
    ((_, mapping),) = made["AWS::Lambda::EventSourceMapping"]
    assert mapping["FilterCriteria"] == {"Filters": [{"Pattern": '{"body": {"kind": ["a"]}}'}]}
    assert mapping["FunctionName"].endswith(":live")
    ((_, settings),) = made["AWS::Lambda::EventInvokeConfig"]
    assert (settings["Qualifier"], settings["MaximumRetryAttempts"]) == ("live", 1)
    ((_, url),) = made["AWS::Lambda::Url"]
    assert (url["Qualifier"], url["Cors"]) == ("live", {"AllowOrigins": ["*"]})
    assert next(row for row in rows if row.type == "AWS::Lambda::Version").retained


def test_other_content_is_another_version() -> None:
    """SAM names a version and a layer by the hash of what they hold."""

    def published(hashes: dict[str, str]) -> tuple[list[str], list[str]]:
        document = expand_document(load(PUBLISHED), {}, "eu-west-1", hashes)
        assert "Version" not in str(local_code(document.body))
        return (
            names(document, "AWS::Lambda::Version"),
            names(document, "AWS::Lambda::LayerVersion"),
        )

    first = published({"Worker": "a", "Shared": "b"})
    assert published({"Worker": "a", "Shared": "b"}) == first
    changed = published({"Worker": "c", "Shared": "b"})
    assert (changed[0] != first[0], changed[1] == first[1]) == (True, True)
    assert published({"Worker": "a", "Shared": "c"})[1] != first[1]


def test_what_changes_nothing_is_told() -> None:
    """A deployment preference is taken, and a person hears that it does nothing here."""
    (note,) = label_notes(load(PUBLISHED))
    assert note.startswith("template.yaml:13: Worker.DeploymentPreference: an alias moves at once")
