"""What a handler finds around it: context, variables, path, packages, logs."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from redrive.runtime.interpreters import choose, find_installed

INSTALLED = find_installed(dict(os.environ))


def test_context(world):
    """The context has what Lambda's has."""
    function = world.function("""
        def handler(event, context):
            names = ["function_name", "function_version", "invoked_function_arn",
                     "memory_limit_in_mb", "aws_request_id", "log_group_name"]
            told = {name: getattr(context, name) for name in names}
            told["left"] = context.get_remaining_time_in_millis()
            told["stream"] = context.log_stream_name
            told["client"] = context.client_context and context.client_context.custom
            told["identity"] = context.identity.cognito_identity_id
            return told
    """)
    told = json.loads(world.run(function, client_context=b'{"custom": {"a": 1}}').payload)
    assert 0 < told.pop("left") <= 20_000
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", told.pop("stream"))
    assert told == {
        "function_name": "f",
        "function_version": "$LATEST",
        "invoked_function_arn": "arn:aws:lambda:eu-west-1:000000000000:function:f",
        "memory_limit_in_mb": "512",
        "aws_request_id": "request-1",
        "log_group_name": "/aws/lambda/f",
        "client": {"a": 1},
        "identity": None,
    }
    assert json.loads(world.run(function).payload)["client"] is None


def test_variables(world, monkeypatch):
    """The function sees AWS's variables and its own, and nothing else of the server's."""
    monkeypatch.setenv("SERVER_SECRET", "x")
    function = world.function(
        """
        import os
        def handler(event, context):
            return dict(os.environ)
        """,
        variables={"MINE": "yes"},
    )
    told = json.loads(world.run(function, trace="Root=1-2-3").payload)
    assert "SERVER_SECRET" not in told
    assert told["MINE"] == "yes"
    assert told["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert told["AWS_ACCESS_KEY_ID"] == "000000000000"
    assert told["AWS_REGION"] == told["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert told["LAMBDA_TASK_ROOT"] == function.code_path
    assert told["_HANDLER"] == "app.handler"
    assert told["_X_AMZN_TRACE_ID"] == "Root=1-2-3"
    assert told["TZ"] == ":UTC"
    assert "_X_AMZN_TRACE_ID" not in json.loads(world.run(function).payload)


def test_path(world):
    """The working directory and the first place on the path are the code's; ours are not on it."""
    function = world.function("""
        import os, sys
        def handler(event, context):
            return [os.getcwd(), sys.path]
    """)
    folder, path = json.loads(world.run(function).payload)
    assert folder == path[0] == function.code_path
    assert not [each for each in path if "redrive" in each or ".venv" in each]


def test_nothing_of_ours_can_be_imported(world):
    """A function finds neither Redrive nor its dependencies, only what AWS's runtime brings."""
    world.knobs["extra_site_path"] = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    function = world.function("""
        import importlib
        def handler(event, context):
            found = []
            for name in "redrive apsw yaml parent child boto3 botocore urllib3".split():
                try:
                    importlib.import_module(name)
                    found.append(name)
                except ImportError:
                    pass
            return found
    """)
    assert json.loads(world.run(function).payload) == ["boto3", "botocore", "urllib3"]


def test_what_the_sdk_has_read_is_there_and_what_it_knows_is_not(world):
    """A fork finds the models that its parent has read, and no session, credentials or region."""
    world.knobs["extra_site_path"] = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    function = world.function("""
        import boto3
        from botocore.loaders import JSONFileLoader

        def handler(event, context):
            known = JSONFileLoader.load_file.__closure__[0].cell_contents
            credentials = boto3.Session().get_credentials()
            return [
                any("/sqs/" in path for path in known),
                boto3.DEFAULT_SESSION is None,
                credentials.access_key,
                boto3.client("sqs").meta.region_name,
            ]
        """)
    world.run(world.function("def handler(event, context): return 1", name="bare"))
    world.reactor.until(lambda: world.executor.describe()["parents"][0]["packages"] == ["boto3"])
    answer = json.loads(world.run(function).payload)
    assert answer == [True, True, function.account, function.region]


def test_boto3_reaches_the_endpoint_that_is_set(world):
    """A client that boto3 makes without arguments has the server's address and its region."""
    world.knobs["extra_site_path"] = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    function = world.function("""
        import boto3
        def handler(event, context):
            client = boto3.client("sqs")
            return [client.meta.endpoint_url, client.meta.region_name]
    """)
    assert json.loads(world.run(function).payload) == ["http://127.0.0.1:4566", "eu-west-1"]


def test_own_modules_come_before_those_of_the_parent(world):
    """A function's queue.py is the one that it imports, though the parent has loaded another."""
    world.knobs["extra_site_path"] = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    bare = world.function("def handler(event, context): return 1", name="bare")
    world.run(bare)
    world.reactor.until(lambda: world.executor.describe()["parents"][0]["packages"] == ["boto3"])
    function = world.function("""
        import queue, boto3
        def handler(event, context):
            return [queue.mine, boto3.mine]
    """)
    Path(function.code_path, "queue.py").write_text("mine = 1\n")
    Path(function.code_path, "boto3.py").write_text("mine = 2\n")
    assert json.loads(world.run(function).payload) == [1, 2]


def install(folder: Path, name: str, code: str) -> None:
    """Put a distribution of one module into a folder, as pip would."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(code)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_text(f"{name}.py,,\n{name}-1.0.dist-info/RECORD,,\n")


def preloaded(world, function) -> dict[str, object]:
    """Warm a function and return its parent once it has imported what it will."""
    world.executor.warm(function)

    def settled() -> bool:
        parents = world.executor.describe()["parents"]
        return bool(parents) and all("last" in {*p["packages"], *p["left_out"]} for p in parents)

    world.reactor.until(settled)
    return world.executor.describe()["parents"][-1]


def test_packages_are_imported_by_the_parent(world):
    """A function's packages are imported ahead; its own modules and its handler are not."""
    function = world.function("""
        import os, first
        def handler(event, context):
            return [first.pid == os.getpid(), first.pid == os.getppid()]
    """)
    folder = Path(function.code_path)
    install(folder, "first", "import os\npid = os.getpid()\n")
    install(folder, "bad", "import app\n")
    install(folder, "last", "")
    parent = preloaded(world, function)
    assert parent["packages"] == ["first", "last"]
    assert parent["left_out"] == {"bad": "ModuleNotFoundError: app is the function's own module"}
    world.executor.retire(function.function_arn, None)
    outcome = world.run(function)
    assert outcome.error is None


def test_package_in_the_parent_is_shared(world):
    """An environment that is forked after the import finds the parent's copy of a package."""
    function = world.function("""
        import os, last
        def handler(event, context):
            return last.pid == os.getppid()
    """)
    install(Path(function.code_path), "last", "import os\npid = os.getpid()\n")
    preloaded(world, function)
    outcomes = [world.begin(function) for _ in range(2)]  # one is warm since before the import
    world.reactor.until(lambda: all(outcomes))
    assert sorted(outcome[0].payload for outcome in outcomes)[-1] == b"true"


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit(3)\n",
        "while True: pass\n",
        "import signal\nsignal.raise_signal(9)\n",
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(999,), daemon=True).start()\n",
    ],
    ids=["exits", "hangs", "crashes", "starts a thread"],
)
def test_bad_package_is_left_out(world, code):
    """A package that a parent cannot bear is left out, and the function runs all the same."""
    world.knobs["import_ms"] = 400
    function = world.function("def handler(event, context): return 'well'")
    install(Path(function.code_path), "bad", code)
    install(Path(function.code_path), "last", "")
    preloaded_or_gone = world.begin(function)
    world.reactor.until(lambda: bool(preloaded_or_gone))

    def imports_last() -> bool:
        parents = world.executor.describe()["parents"]
        if not any(parent["state"] == "open" for parent in parents):
            world.executor.retire(function.function_arn, None)
            world.executor.warm(function)
        return any("last" in parent["packages"] for parent in parents)

    world.reactor.until(imports_last)
    assert "bad" not in world.executor.describe()["parents"][-1]["packages"]
    assert world.run(function).payload == b'"well"'


def test_layers(world, tmp_path):
    """What lies in a layer's python folder can be imported, after the code's own."""
    (tmp_path / "layer" / "python").mkdir(parents=True)
    (tmp_path / "layer" / "python" / "shared.py").write_text("name = 'layer'\n")
    (tmp_path / "layer" / "python" / "both.py").write_text("name = 'layer'\n")
    function = world.function(
        """
        import both, shared
        def handler(event, context):
            return [both.name, shared.name]
        """,
        layers=(str(tmp_path / "layer"),),
    )
    Path(function.code_path, "both.py").write_text("name = 'code'\n")
    assert json.loads(world.run(function).payload) == ["code", "layer"]


def test_chance_differs_between_environments(world):
    """Two environments of one parent draw different random numbers."""
    function = world.function("""
        import random, time
        def handler(event, context):
            time.sleep(0.05)
            return random.random()
    """)
    outcomes = [world.begin(function) for _ in range(2)]
    world.reactor.until(lambda: all(outcomes))
    assert outcomes[0][0].payload != outcomes[1][0].payload


def test_log_lines(world):
    """The log has Lambda's lines around what the function printed and logged."""
    function = world.function("""
        import logging, sys
        logging.getLogger().setLevel("INFO")
        print("importing")
        def handler(event, context):
            print("out")
            print("err", file=sys.stderr)
            logging.info("told")
    """)
    ran = world.run(function)
    lines = world.log().split("\n")
    assert lines[0].startswith("INIT_START Runtime Version: python3.11")
    assert lines[1:5] == [
        "importing",
        "START RequestId: request-1 Version: $LATEST",
        "out",
        "err",
    ]
    stamp = r"\[INFO\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,3}Z\trequest-1\ttold"
    assert re.fullmatch(stamp, lines[5])
    assert lines[6] == "END RequestId: request-1"
    assert re.fullmatch(
        r"REPORT RequestId: request-1\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 512 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t",
        lines[7],
    )
    assert ran.log_tail.decode().split("\n") == lines[2:]
    assert {chunk.request_id for chunk in world.chunks} == {"", "request-1"}


@pytest.mark.parametrize("minor", [8, 9, 10, 11, 12, 13, 14])
def test_every_python(world, minor):
    """Each version from 3.8 on runs a function, its errors and its log, if the machine has it."""
    if minor not in {each.minor for each in INSTALLED}:
        pytest.skip(f"no Python 3.{minor} here")
    assert choose(f"python3.{minor}", INSTALLED).note == ""
    function = world.function(
        """
        import sys
        def handler(event, context):
            print("seen")
            if event is None:
                raise ValueError("é")
            return [*sys.version_info[:2], "é"]
        """,
        runtime=f"python3.{minor}",
    )
    ran = world.run(function)
    assert json.loads(ran.payload) == [3, minor, "é"]
    assert ("é".encode() in ran.payload) is (minor >= 12)
    assert b"\nseen\n" in ran.log_tail
    told = json.loads(world.run(function, b"null").payload)
    line = f'  File "{function.code_path}/app.py", line 6, in handler\n'
    assert told["stackTrace"] == [line + '    raise ValueError("é")\n']
