"""The fixture `redrive_up`, as a project's own tests use it, and the context manager beneath it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from clock_rig import TEMPLATE, write_template

from redrive.services.stacks.model import TemplateError
from redrive.testing import DeploymentFailed, FunctionFailed, RunningStack, template_up

TEST = """
import os

import pytest

seen = []


def test_one(redrive_up):
    stack = redrive_up("template.yaml")
    stack.send("Orders", "bad")
    assert stack.advance("10m").functions == {"Worker": 3}
    assert [message["Body"] for message in stack.messages("Dead")] == ["bad"]
    seen.append(stack.url)


def test_two(redrive_up):
    first, second = redrive_up("template.yaml"), redrive_up("template.yaml")
    assert len({first.url, second.url, *seen}) == 3
    first.send("Aside", {"n": 1})
    assert (first.depth("Aside"), second.depth("Aside")) == (1, 0)


def test_it_fails(redrive_up):
    redrive_up("nothing.yaml")
"""


def alive(pid: int) -> bool:
    """Tell whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_project_uses_the_fixture(tmp_path: Path) -> None:
    """By its name alone, in a pytest of its own; what is wrong with a template fails that test."""
    write_template(tmp_path)
    (tmp_path / "test_shop.py").write_text(TEST)
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "1 failed, 2 passed" in ran.stdout, ran.stdout + ran.stderr
    assert "FileNotFoundError: no template: looked for" in ran.stdout
    assert "warning" not in ran.stdout


def test_importing_loads_nothing(tmp_path: Path) -> None:
    """Neither pytest nor a server, until it is named."""
    program = (
        "import sys, redrive.testing\n"
        "print({'pytest', 'uvloop', 'redrive.app', 'orjson'} & set(sys.modules))\n"
        "redrive.testing.template_up\n"
        "print({'pytest', 'boto3'} & set(sys.modules), 'redrive.app' in sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "set()\nset() True\n"


def test_what_a_stack_offers(redrive_up: Callable[..., RunningStack], tmp_path: Path) -> None:
    """Queues and functions by their logical ids or names, as values to assert on."""
    stack = redrive_up(write_template(tmp_path / "shop"), start="2030-01-01T00:00Z")
    assert stack.queue_url("Orders") == stack.queue_url("orders") == stack.outputs["OrdersUrl"]
    assert stack.now.isoformat() == "2030-01-01T00:00:00+00:00"
    first = stack.send("Aside", {"n": 1})
    stack.send("Aside", "later", DelaySeconds=60)
    assert stack.depth("Aside") == 2
    (received,) = stack.receive("Aside", VisibilityTimeout=10)
    assert (received["MessageId"], json.loads(received["Body"])) == (first, {"n": 1})
    assert {each["State"] for each in stack.messages("Aside")} == {"in flight", "delayed"}
    stack.advance("10s")
    assert [each["State"] for each in stack.messages("Aside")] == ["visible", "delayed"]
    assert stack.invoke("Worker", {"Records": [{"body": "hello"}]})["Records"]
    with pytest.raises(FunctionFailed, match="ValueError: no") as failed:
        stack.invoke("Worker", {"Records": [{"body": "bad"}]})
    assert failed.value.payload["errorType"] == "ValueError"
    assert "got hello" in stack.logs("Worker")
    assert [event["Kind"] for event in stack.events()] == ["invocation", "invocation"]
    listed = stack.client("sqs").list_queues()["QueueUrls"]
    assert stack.queue_url("Dead") in listed
    assert stack.environment["AWS_ENDPOINT_URL"] == stack.url == stack.settings["endpoint_url"]
    assert stack.settle().invocations == 2  # both were since the advance before


def test_all_of_it_goes(tmp_path: Path) -> None:
    """The port, the processes of functions and the data, also when the block raises."""
    code = "import os\ndef handler(event, context):\n    return os.getpid()\n"
    path = write_template(tmp_path / "shop", code=code)
    with pytest.raises(ZeroDivisionError), template_up(path, sandbox="rlimits") as stack:
        pid, url = stack.invoke("Worker"), stack.url
        assert alive(pid)
        raise ZeroDivisionError
    assert not alive(pid)
    with template_up(path) as again:
        assert again.url != url or again.depth("Orders") == 0


def test_what_is_wrong_with_a_template_is_said(tmp_path: Path) -> None:
    """Before anything runs, or when it is deployed."""
    path = write_template(tmp_path / "a", TEMPLATE.replace("!GetAtt Dead.Arn", "!GetAtt Gone.Arn"))
    with pytest.raises(TemplateError, match="Gone"), template_up(path):
        pass
    path = write_template(tmp_path / "b", TEMPLATE.replace("BatchSize: 1", "BatchSize: 99999"))
    with pytest.raises(DeploymentFailed, match="Mapping"), template_up(path):
        pass


def test_ctrl_c_while_a_server_starts(tmp_path: Path) -> None:
    """Its thread ends with it: nothing keeps the program, and nobody else has the data."""
    program = (
        "from redrive.config import Config\n"
        "from redrive.testing import inside\n"
        "waits, wait = [], inside.wait\n"
        "def interrupted(*args, **options):\n"
        "    waits.append(1)\n"
        "    if len(waits) == 1:\n"
        "        raise KeyboardInterrupt\n"
        "    return wait(*args, **options)\n"
        "inside.wait = interrupted\n"
        "try:\n"
        f"    inside.Inside(Config(port=0, data={str(tmp_path)!r}))\n"
        "except KeyboardInterrupt:\n"
        "    inside.wait = wait\n"
        f"    inside.Inside(Config(port=0, data={str(tmp_path)!r})).stop()\n"
        "    print('interrupted')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout == "interrupted\n"
