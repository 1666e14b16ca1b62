"""Whole templates: what is wrong is told together, with lines; what is right is ordered."""

from __future__ import annotations

import pytest

from redrive.services.stacks.resources import TYPES, labels, refusals

FUNCTION = """
    Worker:
      Type: AWS::Lambda::Function
      Properties:
        Code: {ZipFile: 'def handler(event, context): pass'}
        Handler: index.handler
        Role: arn:aws:iam::000000000000:role/x
        Runtime: python3.12
"""


def test_all_problems_are_told_together(problems_of) -> None:
    """Every problem of a template comes at once, by file, line and logical id, in order."""
    text = """\
        Parameters:
          Stage: {Type: String}
        Resources:
          Orders:
            Type: AWS::SQS::Queue
            Properties:
              VisibilityTimout: 30
              DelaySeconds: soon
              RedrivePolicy:
                deadLetterTargetArn: !GetAtt Dead.Arn
          Table:
            Type: AWS::DynamoDB::Table
            DependsOn: Ordres
        Outputs:
          Url: {Value: !Ref Missing}
    """
    found = problems_of(text)
    starts = [
        "template.yaml:2: Parameters.Stage: has no Default: give it a value",
        "template.yaml:7: Orders.VisibilityTimout: unknown property of AWS::SQS::Queue: "
        "VisibilityTimout; did you mean VisibilityTimeout? (supported: ContentBasedDeduplication,",
        "template.yaml:8: Orders.DelaySeconds: DelaySeconds is a whole number, not 'soon'",
        "template.yaml:9: Orders.RedrivePolicy: RedrivePolicy needs maxReceiveCount",
        "template.yaml:10: Orders.RedrivePolicy.deadLetterTargetArn.Fn::GetAtt: the template",
        "template.yaml:12: Table.Type: unknown resource type AWS::DynamoDB::Table (supp",
        "template.yaml:13: Table.DependsOn: the template has no resource Ordres",
        "template.yaml:15: Outputs.Url.Value.Ref: the template has no parameter or resource Miss",
    ]
    assert len(found) == len(starts)
    for line, start in zip(found, starts, strict=True):
        assert line.startswith(start)


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ("Q: {Type: AWS::SQS::Quue}", "did you mean AWS::SQS::Queue?"),
        ("Q: {Properties: {}}", "a resource is an object with a Type"),
        ("Q: {Type: AWS::SQS::Queue, Propertis: {}}", "unknown attribute Propertis; did you mean"),
        ("Q: {Type: AWS::SQS::Queue, UpdatePolicy: {}}", "UpdatePolicy is not supported"),
        ("Q: {Type: AWS::SQS::Queue, DeletionPolicy: Snapshot}", "DeletionPolicy is one of Delete"),
        ("Q: {Type: AWS::SQS::Queue, Condition: Never}", "the template has no condition Never"),
        ("Q-1: {Type: AWS::SQS::Queue}", "a logical id is made of letters and digits"),
        ("Q: {Type: AWS::SQS::Queue, Properties: []}", "AWS::SQS::Queue is an object, not a list"),
        (
            "Q: {Type: AWS::SQS::Queue, Properties: {SqsManagedSseEnabled: maybe}}",
            "SqsManagedSseEnabled is true or false, not 'maybe'",
        ),
        (
            "Q: {Type: AWS::SQS::Queue, Properties: {QueueName: [a]}}",
            "QueueName is a string, not a list",
        ),
        (
            FUNCTION + "        RecursiveLoop: Alow",
            "RecursiveLoop is one of Allow, Terminate, not Alow; did you mean Allow?",
        ),
        (FUNCTION + "        FunctionScalingConfig: {}", "managed instances are not supported"),
        (
            "M: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: f,"
            " EventSourceArn: a, FilterCriteria: {Filters: [{Pattern: [a]}]}}}",
            "Pattern is a pattern, or its text, not a list",
        ),
        (
            "A: {Type: AWS::Lambda::Alias, Properties: {FunctionName: f, FunctionVersion: 1,"
            " Name: a, RoutingConfig: {AdditionalVersionWeights: [{FunctionVersion: 2,"
            " FunctionWeight: half}]}}}",
            "FunctionWeight is a number, not 'half'",
        ),
        (
            "U: {Type: AWS::Lambda::Url, Properties: {TargetFunctionArn: f, AuthType: IAM}}",
            "AuthType is one of AWS_IAM, NONE, not IAM",
        ),
        (
            "Q: {Type: AWS::SQS::Queue, Properties: {RedrivePolicy: 'x'}}",
            "RedrivePolicy is an object, not 'x'",
        ),
        (
            "Q: {Type: AWS::SQS::Queue, Properties: {Tags: {a: b}}}",
            "Tags is a list of objects, not an object",
        ),
        (
            "Q: {Type: AWS::SQS::Queue, Properties: {Tags: [{Key: a}]}}",
            "Tags needs Value",
        ),
        ("A: {Type: AWS::Lambda::Alias}", "AWS::Lambda::Alias needs FunctionName"),
        ("S: {Type: AWS::Lambda::CodeSigningConfig}", "code is not signed: leave it out"),
        ("F: {Type: AWS::Lambda::Function}", "AWS::Lambda::Function needs Handler"),
        (FUNCTION + "        PackageType: Image", "PackageType is one of Zip, not Image"),
        (FUNCTION + "        ImageConfig: {}", "ImageConfig is not supported: container images"),
        (FUNCTION.replace("ZipFile: ", "ImageUri: "), "Code ImageUri is not supported"),
        (FUNCTION.replace("ZipFile: ", "S3Key: k, S3Bucket: "), "code in S3 cannot be fetched"),
        (FUNCTION + "        Environment: {Variables: {A: [1]}}", "A is a list"),
        (
            "M: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: f,"
            " EventSourceArn: a, StartingPosition: LATEST}}",
            "it is for streams and Kafka",
        ),
    ],
)
def test_one_problem(problems_of, resource: str, said: str) -> None:
    """What a resource cannot be is told at its own line."""
    found = problems_of("Resources:\n  " + resource.strip())
    assert said in "\n".join(found)
    assert all(line.startswith("template.yaml:") for line in found)


def test_conversions(stack_of) -> None:
    """Values take the form that the property has, as CloudFormation converts them."""
    stack = stack_of("""
        Resources:
          Q:
            Type: AWS::SQS::Queue
            Properties:
              DelaySeconds: "5"
              SqsManagedSseEnabled: "false"
              QueueName: 123
              RedrivePolicy: '{"deadLetterTargetArn": "arn", "maxReceiveCount": "3"}'
              Tags: [{Key: a, Value: 1}]
    """)
    assert stack.resources["Q"].properties == {
        "DelaySeconds": 5,
        "QueueName": "123",
        "RedrivePolicy": {"deadLetterTargetArn": "arn", "maxReceiveCount": 3},
        "SqsManagedSseEnabled": False,
        "Tags": [{"Key": "a", "Value": "1"}],
    }


def test_order_and_dependencies(stack_of) -> None:
    """Resources come after what they name by Ref, GetAtt, Sub and DependsOn."""
    stack = stack_of("""
        Resources:
          A: {Type: AWS::SQS::Queue, DependsOn: [B]}
          B: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "${C.QueueName}-b"}}
          C: {Type: AWS::SQS::Queue, Properties: {QueueName: !Join ["-", [!Ref D, c]]}}
          D: {Type: AWS::SQS::Queue}
    """)
    assert list(stack.resources) == ["D", "C", "B", "A"]
    assert stack.resources["A"].depends_on == {"B"}


def test_cycles_are_told(problems_of) -> None:
    """Resources that wait for each other are told with the whole ring."""
    found = problems_of("""\
        Resources:
          A: {Type: AWS::SQS::Queue, DependsOn: B}
          B: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref A}}
    """)
    assert len(found) == 1
    assert "circular dependency between resources: " in found[0]
    assert found[0].count("A") >= 1
    assert found[0].startswith("template.yaml:")


def test_conditions_leave_resources_and_outputs_out(stack_of) -> None:
    """What a false condition is on is not there, and a DependsOn on it is no mistake."""
    text = """
        Parameters: {Stage: {Type: String, Default: dev}}
        Conditions: {IsProd: !Equals [!Ref Stage, prod]}
        Resources:
          Always: {Type: AWS::SQS::Queue, DependsOn: Prod}
          Prod: {Type: AWS::SQS::Queue, Condition: IsProd}
        Outputs:
          Url: {Value: !Ref Prod, Condition: IsProd}
    """
    dev, prod = stack_of(text), stack_of(text, Stage="prod")
    assert (list(dev.resources), list(dev.outputs)) == (["Always"], [])
    assert (list(prod.resources), list(prod.outputs)) == (["Prod", "Always"], ["Url"])


def test_labels_and_refusals_are_disjoint() -> None:
    """Every property of every type is honoured, a label or refused, and never two of them."""
    named = set(labels())
    assert ("AWS::Lambda::Function", "TracingConfig") in named
    assert ("AWS::SQS::Queue", "Tags") in named
    refused = {(kind, name) for kind, name, reason in refusals() if reason}
    assert ("AWS::Lambda::EventSourceMapping", "TumblingWindowInSeconds") in refused
    assert not named & refused
    assert {kind for kind, _ in named | refused} <= set(TYPES)
