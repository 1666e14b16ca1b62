"""docs/check.md: the rules of `redrive check`, and an example that is run for the page."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from click.testing import CliRunner

from redrive.cli.main import cli
from redrive.core.lessons import (
    batching,
    burial,
    concurrency,
    functions,
    handlers,
    limits,
    templates,
    timing,
)
from redrive.core.lessons.rule import Rule

PAGE = Path(__file__).parents[2] / "docs" / "check.md"
GROUPS: tuple[tuple[str, tuple[Rule, ...]], ...] = (
    ("Time", timing.RULES),
    ("Dead-letter queues", burial.RULES),
    ("Batches", batching.RULES),
    ("Concurrency", concurrency.RULES),
    ("The handler's code", handlers.RULES),
    ("Functions", functions.RULES),
    ("What AWS refuses", limits.RULES),
    ("The template", templates.RULES),
)
_EXAMPLE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Dead: {Type: AWS::SQS::Queue, Properties: {MessageRetentionPeriod: 1209600}}
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 60
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: app.handler
      CodeUri: src/
      Timeout: 10
      MemorySize: 512
      ReservedConcurrentExecutions: 1
      Events:
        Job: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn, BatchSize: 1}}
"""
_CODE = """\
def handler(event, context):
    for record in event["Records"]:
        try:
            work(record)
        except Exception as error:
            print(error)
"""
_BEGINNING = """\
# redrive check

What people paid for, as rules. `redrive check` reads a template (SAM or CloudFormation) and the
code of its functions, or asks a running server what it has, and says what will cost messages:
where, why, with the numbers, and what to do. It needs neither an account nor a server.

    redrive check                        the template of this folder; without one, what is running
    redrive check infra/template.yaml    that one
    redrive check --live                 what is running (--endpoint and --data say where)

| option | what it does |
|---|---|
| `--parameter NAME=VALUE` | A value for a parameter; what hangs on one without is not judged. |
| `--fail-on LEVEL` | The least that makes the exit code 1, or `never`; else `error`. |
| `--ignore RD011` | Leaves a rule out; may be repeated. |
| `--json` | Findings, counts, and functions whose code could not be looked at. |
| `--sarif` | SARIF 2.1.0 for code scanning, paths from the working directory. |

Exit codes: 0 nothing at that level, 1 something, 2 there was nothing that could be looked at (no
such file, broken YAML, no server).

A resource, or the whole template, is excepted in the template itself; what is said of a SAM
function also holds for its events and its code:

    Metadata:
      Redrive:
        Ignore: [RD011]

`redrive up` prints errors and warnings after it has deployed, each once until it has gone and
comes back. With `--strict` it does not deploy at all while there are any.

In a GitHub workflow:

    - run: redrive check template.yaml --sarif --fail-on never > redrive.sarif
    - uses: github/codeql-action/upload-sarif@v3
      with: {sarif_file: redrive.sarif}

## An example

"""
_LIMITS = """
## What is looked at, and what is not

* Levels. **error**: AWS refuses it, or messages are lost or never processed. **warning**: it
  works until there is load, a failure or a slow day. **note**: good to know.
* What is not known before a deployment (an imported value, a parameter without a value) is not
  guessed: rules keep silent. So they are where a resource's condition or type is unknown.
* Code is looked at and never run. Python is parsed: a handler, the functions of its module that
  its loop over the records calls, and the modules that it imports: for deletions, for
  `batchItemFailures`, for Powertools' batch processors. Node.js (and TypeScript) is searched for
  words; what it swallows is not seen. Other runtimes, zip files, installed packages, and what a
  Makefile or a bundler makes are not looked at.
* Nobody but the template says who watches a queue or invokes a function. On live resources alarms
  are not seen, and RD024 is silent; files are named by the function, since the server has a copy
  of the code.
* SARIF names lines of files: it is refused for live resources.
* Throughput in RD040 and RD043 is that of invocations which take their whole timeout; it bounds
  the case in which everything is slow.
"""


def page() -> str:
    """Return the page."""
    groups = "".join(_group(title, rules) for title, rules in GROUPS)
    return f"{_BEGINNING}{_example()}{_LIMITS}\n## The rules\n{groups}"


def _example() -> str:
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        Path("template.yaml").write_text(_EXAMPLE, "utf-8")
        Path("src").mkdir()
        Path("src/app.py").write_text(_CODE, "utf-8")
        told = CliRunner().invoke(cli, ["check"], env={"AWS_REGION": "us-east-1"}).stdout
    return (
        f"`template.yaml` and `src/app.py`:\n\n```yaml\n{_EXAMPLE}```\n\n```python\n{_CODE}```\n\n"
        f"What `redrive check` says of them:\n\n```text\n{told}```\n"
    )


def _group(title: str, rules: tuple[Rule, ...]) -> str:
    return f"\n### {title}\n" + "".join(
        f"\n**{rule.id}** ({rule.level}) {rule.title}. {rule.lesson} [AWS]({rule.source})\n"
        for rule in rules
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
