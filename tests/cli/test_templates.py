"""What SAM makes of a published function, deployed by `redrive up`, seen through Lambda's API."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_up import Up, client_of, save

from redrive.cli.client import Client

TEMPLATE = """
    Transform: AWS::Serverless-2016-10-31
    Globals:
      Function: {Runtime: python3.12, Handler: app.handler, Timeout: 5}
    Resources:
      Dead: {Type: AWS::SQS::Queue}
      Jobs: {Type: AWS::SQS::Queue}
      Shared:
        Type: AWS::Serverless::LayerVersion
        Properties:
          ContentUri: layer
          CompatibleRuntimes: [python3.12]
          PublishLambdaVersion: true
      Worker:
        Type: AWS::Serverless::Function
        Properties:
          CodeUri: src
          AutoPublishAlias: live
          AutoPublishAliasAllProperties: true
          ReservedConcurrentExecutions: 5
          Layers: [!Ref Shared]
          DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Dead.Arn}
          FunctionUrlConfig: {AuthType: NONE, Cors: {AllowOrigins: ["*"]}}
          ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 1}
          EventInvokeConfig:
            MaximumRetryAttempts: 1
            DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Dead.Arn}}
          Events:
            Job:
              Type: SQS
              Properties:
                Queue: !GetAtt Jobs.Arn
                FilterCriteria: {Filters: [{Pattern: '{"body": {"kind": ["a"]}}'}]}
                MetricsConfig: {Metrics: [EventCount]}
    Outputs:
      Url: {Value: !GetAtt WorkerUrl.FunctionUrl}
"""
CODE = """
from shared import TOLD

def handler(event, context):
    return [TOLD, context.function_version]
"""


def shown(client: Client, path: str) -> dict[str, Any]:
    """Return what Lambda's API has at a path, which must be there."""
    told = client.show(path)
    assert told is not None, path
    return told


@pytest.fixture
def up(folder: Path) -> Iterator[Callable[[], Up]]:
    """Start `redrive up` in a folder; it is stopped at the end."""
    started: list[Up] = []

    def start() -> Up:
        started.append(Up(folder))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def test_a_published_function(folder: Path, up: Callable[[], Up]) -> None:
    """Version, alias, layer, URL, provisioned concurrency and asynchronous settings are made; a
    change of the layer publishes another version; what the template no longer says is unmade."""
    template = folder / "template.yaml"
    template.write_text(textwrap.dedent(TEMPLATE))
    for name, text in (("src/app.py", CODE), ("layer/python/shared.py", "TOLD = 1\n")):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
    running = up()
    ready = running.ready()
    client = client_of(ready)
    name = ready["Functions"][0]["Name"]

    def live() -> Any:
        return json.loads(client.invoke(name, b"{}", qualifier="live").payload)

    assert live() == [1, "1"]
    assert ready["Outputs"]["Url"].startswith("http")
    function = f"/2015-03-31/functions/{name}"
    configuration = shown(client, function)["Configuration"]
    assert configuration["DeadLetterConfig"]["TargetArn"].split(":")[2] == "sqs"
    (layer,) = configuration["Layers"]
    assert layer["Arn"].endswith(":1")
    old = f"/2019-09-25/functions/{name}"
    settings = shown(client, f"{old}/event-invoke-config?Qualifier=live")
    assert settings["MaximumRetryAttempts"] == 1
    assert "Destination" in settings["DestinationConfig"]["OnFailure"]
    provisioned = f"/2019-09-30/functions/{name}/provisioned-concurrency?Qualifier=live"
    assert shown(client, provisioned)["RequestedProvisionedConcurrentExecutions"] == 1
    url = f"/2021-10-31/functions/{name}/url?Qualifier=live"
    assert shown(client, url)["Cors"] == {"AllowOrigins": ["*"]}
    mappings = shown(client, "/2015-03-31/event-source-mappings/")["EventSourceMappings"]
    assert mappings[0]["FilterCriteria"]["Filters"]
    assert mappings[0]["FunctionArn"].endswith(":live")

    save(folder / "layer" / "python" / "shared.py", "TOLD = 2\n")
    running.until(lambda told: told["Kind"] == "reloaded")
    assert live() == [2, "2"]
    assert json.loads(client.invoke(name, b"{}", qualifier="1").payload) == [1, "1"]

    gone = ("FunctionUrl", "ProvisionedConc", "MetricsConfig", "Outputs:")
    lines = textwrap.dedent(TEMPLATE).splitlines()
    save(template, "\n".join(line for line in lines if not any(word in line for word in gone)))
    running.until(lambda told: told["Kind"] == "reloaded")
    assert client.show(url) is None
    assert client.show(provisioned) is None
    mappings = shown(client, "/2015-03-31/event-source-mappings/")["EventSourceMappings"]
    assert "MetricsConfig" not in mappings[0]
    client.close()
    assert running.stop() == 0
