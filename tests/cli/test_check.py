"""`redrive check` as a person or a build runs it: a template, what is running, wrong input."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
from click.testing import CliRunner, Result
from tests.cli.conftest import NO_AWS

from redrive.cli.client import Client
from redrive.cli.main import cli
from redrive.core.lessons.catalogue import RULES

ROOT = Path(__file__).parents[2]
TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.13, Handler: app.handler, Timeout: 20, MemorySize: 512}
Resources:
  Dead: {Type: AWS::SQS::Queue, Properties: {MessageRetentionPeriod: 1209600}}
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 10
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Events:
        Job:
          Type: SQS
          Properties:
            Queue: !GetAtt Jobs.Arn
            BatchSize: 1
        Web: {Type: Api, Properties: {Path: /, Method: get}}
"""
CODE = """\
def handler(event, context):
    for record in event["Records"]:
        try:
            work(record)
        except Exception as error:
            print(error)
"""


@pytest.fixture
def shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a template and its code."""
    (folder / "template.yaml").write_text(TEMPLATE)
    (folder / "src").mkdir()
    (folder / "src" / "app.py").write_text(CODE)
    monkeypatch.chdir(folder)
    return folder


def check(*words: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli, ["check", *words], env=NO_AWS)


def found(*words: str) -> list[tuple[Any, ...]]:
    """Return rule, resource, file and line of each finding."""
    told = json.loads(check(*words, "--json").stdout)["Findings"]
    return [(each["Rule"], each["Resource"], each["File"], each["Line"]) for each in told]


EXPECTED = [
    ("RD010", "Jobs", "template.yaml", 9),
    ("RD050", "Worker", "src/app.py", 5),
    ("RD024", "Dead", "template.yaml", 5),
]


def test_a_template_and_its_code(shop: Path) -> None:
    """Findings are told with line, reason, number and cure, the gravest first."""
    result = check()
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("template.yaml:9  error RD010  Jobs: The visibility timeout is")
    assert "hidden for 10 s and Worker may take 20 s" in lines[1]
    assert lines[2] == ("    cure: set VisibilityTimeout to 120, six times the function's timeout")
    assert lines[-1] == "1 error, 1 warning, 1 note in 2 queues, 1 function, 1 mapping"
    assert found() == EXPECTED
    assert found("template.yaml") == found(".") == EXPECTED


def test_files_are_named_from_the_working_directory(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A template elsewhere is named, with its code, by the path that leads there."""
    monkeypatch.chdir(shop.parent)
    files = {file for _rule, _name, file, _line in found("shop")}
    assert files == {"shop/template.yaml", "shop/src/app.py"}


def test_exit_codes(shop: Path) -> None:
    """The exit code is 1 from the level that was asked for on, and 0 below it."""
    ignored = ("--ignore", "RD010", "--ignore", "RD050")
    assert check().exit_code == 1
    assert check("--fail-on", "never").exit_code == 0
    assert check("--ignore", "RD010").exit_code == 0
    assert check("--ignore", "RD010", "--fail-on", "warning").exit_code == 1
    assert check(*ignored, "--fail-on", "warning").exit_code == 0
    assert check(*ignored, "--fail-on", "note").exit_code == 1
    assert found(*ignored) == EXPECTED[2:]


def test_exceptions_in_a_sam_template(shop: Path) -> None:
    """What a function's Metadata silences is silent for its mapping and its code as well."""
    quiet = "    Metadata: {Redrive: {Ignore: [RD050, RD030]}}\n    Type: AWS::Serverless"
    text = TEMPLATE.replace("    Type: AWS::Serverless", quiet).replace(
        "BatchSize: 1", "BatchSize: 2"
    )
    (shop / "template.yaml").write_text(text)
    assert [each[0] for each in found()] == ["RD010", "RD024"]
    (shop / "template.yaml").write_text(text.replace(", RD030", ""))
    assert ("RD030", "Worker.Job", "template.yaml", 21) in found()


def test_parameters(shop: Path) -> None:
    """A parameter without a value is not judged; a given one is, and a wrong one is refused."""
    text = TEMPLATE.replace("VisibilityTimeout: 10", "VisibilityTimeout: !Ref Rest")
    text = text.replace("Resources:", "Parameters: {Rest: {Type: Number}}\nResources:")
    (shop / "template.yaml").write_text(text)
    assert [each[0] for each in found()] == ["RD050", "RD024"]
    assert [each[0] for each in found("-p", "Rest=119")] == ["RD050", "RD011", "RD024"]
    assert check("-p", "Rest").exit_code == 2


def test_installed_packages_are_not_judged(shop: Path) -> None:
    """What pip has put beside the handler is left out; a zip file's code is said to be unread."""
    installed = shop / "src" / "queuelib"
    installed.mkdir()
    (installed / "__init__.py").write_text("X = 'batchItemFailures'")
    (shop / "src" / "app.py").write_text(f"{CODE}import queuelib\n")
    assert "RD053" in [each[0] for each in found()]
    (shop / "src" / "queuelib-1.dist-info").mkdir()
    (shop / "src" / "queuelib-1.dist-info" / "RECORD").write_text("queuelib/__init__.py,,\n")
    assert found() == EXPECTED
    (shop / "template.yaml").write_text(TEMPLATE.replace("src/", "code.zip"))
    (shop / "code.zip").write_bytes(b"PK")
    result = check()
    assert "The code of Worker could not be looked at." in result.stdout


def test_sarif(shop: Path) -> None:
    """The log has what SARIF 2.1.0 and code scanning require, for every rule and result."""
    result = check("--sarif")
    assert result.exit_code == 1
    log = json.loads(result.stdout)
    assert log["version"] == "2.1.0"
    assert log["$schema"].startswith("https://")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"]
    assert [rule["id"] for rule in driver["rules"]] == [rule.id for rule in RULES]
    for rule in driver["rules"]:
        assert rule["name"].isalnum()
        assert rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["helpUri"].startswith("https://")
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
    shown = []
    for each in run["results"]:
        rule = driver["rules"][each["ruleIndex"]]
        assert rule["id"] == each["ruleId"]
        assert each["level"] == rule["defaultConfiguration"]["level"]
        assert each["message"]["text"]
        assert each["partialFingerprints"]
        (location,) = each["locations"]
        physical = location["physicalLocation"]
        assert physical["region"]["startLine"] >= 1
        uri = physical["artifactLocation"]["uri"]
        assert (shop / unquote(uri)).is_file()
        shown.append((each["ruleId"], uri, physical["region"]["startLine"]))
    assert shown == [(rule, file, line) for rule, _name, file, line in EXPECTED]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.yaml",), "no template: looked for nowhere.yaml"),
        (("--ignore", "RD999"), "there is no rule RD999"),
        (("--json", "--sarif"), "not both"),
        (("--live", "template.yaml"), "not both"),
        (("--live", "--sarif"), "it needs a template"),
        (("--endpoint", "http://127.0.0.1:9"), "no server is running"),
        (("--fail-on", "disaster"), "'disaster' is not one of"),
    ],
)
def test_wrong_words(shop: Path, words: tuple[str, ...], said: str) -> None:
    """What cannot be done is said in one sentence, with exit code 2."""
    result = check(*words)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Resources: [", "template.yaml:2: not valid YAML or JSON"),
        ("Resources:\n  A: {Type: AWS::SQS::Queue}\n  A: {}\n", "template.yaml:3: A: stands twice"),
        ("Description: nothing\n", "a template needs at least one resource"),
        (
            TEMPLATE.replace("Queue: !GetAtt Jobs.Arn", "Enabled: true"),
            "template.yaml:16: Worker.Events.Job: Missing required property",
        ),
    ],
)
def test_broken_templates(shop: Path, text: str, said: str) -> None:
    """A template that cannot be read is told with its line, as `up` tells it, with exit code 2."""
    (shop / "template.yaml").write_text(text)
    result = check()
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_neither_template_nor_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without both it says what was looked for."""
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(
        cli, ["check"], env={**NO_AWS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    )
    assert result.exit_code == 2
    assert "no template: looked for" in result.stderr
    assert "no server is running" in result.stderr


def test_the_example_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """The orders example has learned all lessons; its one exception is written into it."""
    monkeypatch.chdir(ROOT / "examples" / "orders")
    assert found() == []
    assert check("--fail-on", "note").exit_code == 0


def zipped(code: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", code)
    return packed.getvalue()


def test_what_is_running(
    client: Client, redrive_json: Callable[..., Any], redrive: Callable[..., Result]
) -> None:
    """A server's queues, functions and mappings are judged by the same rules, named by ARN."""
    place = {
        "endpoint_url": client.place.endpoint,
        "region_name": "us-east-1",
        "aws_access_key_id": "000000000000",
        "aws_secret_access_key": "x",
    }
    sqs, functions = boto3.client("sqs", **place), boto3.client("lambda", **place)

    def make(name: str, **attributes: str) -> str:
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(told["Attributes"]["QueueArn"])

    dead = make("jobs-dlq")
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 3})
    jobs = make("jobs", VisibilityTimeout="30", RedrivePolicy=policy)
    worker = functions.create_function(
        FunctionName="worker",
        Runtime="python3.13",
        Handler="app.handler",
        Role="arn:aws:iam::000000000000:role/r",
        Code={"ZipFile": zipped(CODE)},
        Timeout=10,
    )["FunctionArn"]
    functions.put_function_concurrency(FunctionName="worker", ReservedConcurrentExecutions=2)
    mapping = functions.create_event_source_mapping(
        EventSourceArn=jobs, FunctionName="worker", BatchSize=10
    )["EventSourceMappingArn"]

    told = redrive_json("check", "--live")["Findings"]
    assert {(each["Rule"], each["Arn"]) for each in told} == {
        ("RD011", jobs),
        ("RD014", dead),
        ("RD030", mapping),
        ("RD040", jobs),
        ("RD050", worker),
    }
    by_rule = {each["Rule"]: each for each in told}
    assert "6 x 10 s = 60 s" in by_rule["RD011"]["Reason"]
    assert (by_rule["RD050"]["File"], by_rule["RD050"]["Line"]) == ("worker/app.py", 5)
    assert by_rule["RD011"]["File"] is None

    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="jobs-dlq")["QueueUrl"])
    again = {each["Rule"]: each for each in redrive_json_failing(redrive)}
    assert again["RD026"]["Arn"] == jobs
    assert "RD014" not in again


def redrive_json_failing(redrive: Callable[..., Result]) -> list[dict[str, Any]]:
    """Return the findings of a check that ends with exit code 1."""
    result = redrive("check", "--json")
    assert result.exit_code == 1
    told: list[dict[str, Any]] = json.loads(result.stdout)["Findings"]
    return told
