"""`redrive up` for those who write functions: traces that name their files, and debuggers."""

from __future__ import annotations

import json
import socket
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.cli.test_up import Up, client_of, prints, save

from redrive.cli.client import Invoked

TEMPLATE = """
    Transform: AWS::Serverless-2016-10-31
    Globals:
      Function: {Runtime: python3.12, Handler: package/app.handler, CodeUri: src, Timeout: 1}
    Resources:
      One: {Type: AWS::Serverless::Function}
      Two: {Type: AWS::Serverless::Function}
"""
CODE = """
import debugpy
import package.inner
from pathlib import Path

def handler(event, context):
    if event.get("bad"):
        package.inner.fail()
    told = debugpy.CLIENTS[-1].recv(1).decode() if debugpy.CLIENTS else ""
    return [told, context.get_remaining_time_in_millis() > 60_000, str(Path(__file__).parent)]
"""
INNER = """
def fail():
    raise KeyError("id")
"""
DEBUGPY = """
import socket

CLIENTS = []
SERVER = None

def configure(**options):
    assert options == {"subProcess": False}

def listen(place):
    global SERVER
    SERVER = socket.create_server(place)

def wait_for_client():
    CLIENTS.append(SERVER.accept()[0])
"""


@pytest.fixture
def project(folder: Path) -> Path:
    """Two functions that bring a debugger of their own, which waits for one byte."""
    (folder / "template.yaml").write_text(textwrap.dedent(TEMPLATE))
    package = folder / "src" / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "app.py").write_text(CODE)
    (package / "inner.py").write_text(INNER)
    (folder / "src" / "debugpy").mkdir()
    (folder / "src" / "debugpy" / "__init__.py").write_text(DEBUGPY)
    return folder


@pytest.fixture
def start(project: Path) -> Iterator[Callable[..., Up]]:
    """Start `redrive up`; what is still running at the end is stopped."""
    started: list[Up] = []

    def begin(*options: str) -> Up:
        started.append(Up(project, *options))
        return started[-1]

    yield begin
    for each in started:
        each.stop()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Where invocations wait for their debugger."""
    with ThreadPoolExecutor() as made:
        yield made


def test_traces_name_the_files_that_are_edited(project: Path, start: Callable[..., Up]) -> None:
    """An error's trace and the log show the source, though what runs is a copy."""
    up = start()
    ready = up.ready()
    client = client_of(ready)
    name = ready["Functions"][0]["Name"]
    told = json.loads(client.invoke(name, b'{"bad": 1}').payload)
    source = project / "src" / "package"
    assert [line.split('"')[1] for line in told["stackTrace"]] == [
        str(source / "app.py"),
        str(source / "inner.py"),
    ]
    assert 'raise KeyError("id")' in told["stackTrace"][1]
    up.until(prints(str(source / "inner.py")))
    copy = json.loads(client.invoke(name, b"{}").payload)[2]
    assert copy != str(source), "files beside the code are those that were deployed"
    client.close()
    assert up.stop() == 0


def test_a_debugger_is_waited_for(
    project: Path, pool: ThreadPoolExecutor, start: Callable[..., Up]
) -> None:
    """Each debugged function has a port, an environment at a time and no timeout; new code makes
    an environment that waits at the same port."""
    up = start("--debug", "One", "--debug", "Two")
    ready = up.ready()
    names = {each["LogicalId"]: each["Name"] for each in ready["Functions"]}
    ports = {each["LogicalId"]: each["Port"] for each in ready["Debuggers"]}
    assert ports == {"One": 5678, "Two": 5679}
    launch = ready["Debuggers"][0]["Launch"]
    assert (launch["type"], launch["connect"]["port"]) == ("debugpy", 5678)

    def invoke(name: str) -> Future[Invoked]:
        def ask() -> Invoked:
            client = client_of(ready)
            try:
                return client.invoke(names[name], b"{}")
            finally:
                client.close()

        return pool.submit(ask)

    def attach(name: str) -> socket.socket:
        up.until(prints(f"waiting for a debugger at 127.0.0.1:{ports[name]}"))
        return socket.create_connection(("127.0.0.1", ports[name]))

    first, second = invoke("One"), invoke("One")
    with attach("One") as debugger:
        debugger.sendall(b"ab")
        answers = [json.loads(each.result().payload)[:2] for each in (first, second)]
        assert sorted(answers) == [["a", True], ["b", True]], "both had the same environment"

        app = project / "src" / "package" / "app.py"
        save(app, CODE.replace(".decode()", ".decode().upper()"))
        up.until(lambda told: told["Kind"] == "reloaded")
        again = invoke("One")
    with attach("One") as debugger:
        debugger.sendall(b"c")
        assert json.loads(again.result().payload)[0] == "C"
    other = invoke("Two")
    with attach("Two") as debugger:
        debugger.sendall(b"d")
        assert json.loads(other.result().payload)[0] == "D"
    assert up.stop() == 0


def test_a_function_that_is_not_there(start: Callable[..., Up]) -> None:
    """It is told what there is, and nothing is left running."""
    up = start("--debug", "Three")
    (problem,) = up.until(lambda told: told["Kind"] == "problems")["Problems"]
    assert "there is no such function; there are: One, Two" in problem["Message"]
    assert up.wait() == 1
