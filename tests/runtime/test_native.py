"""Programs in Go and in Rust, built on AWS's own libraries, as custom runtimes.

A first build takes a minute and the network, so it is made on request only (REDRIVE_TEST_NATIVE=1)
and kept in the user's cache; with it there the tests run in a second. What they promise is promised
by test_custom.py too, without a compiler.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent / "native"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "redrive-tests"
BUILD_SECONDS_MAX = 280


def build(language: str) -> Path:
    """Return the program, built now or before; skip where it is neither."""
    tool = {"go": "go", "rust": "cargo"}[language]
    files = sorted(path for path in (SOURCES / language).rglob("*") if path.is_file())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    made = CACHE / f"{language}-{digest}" / "bootstrap"
    if made.exists():
        return made
    if os.environ.get("REDRIVE_TEST_NATIVE") != "1":
        pytest.skip(f"the {language} program is not built; REDRIVE_TEST_NATIVE=1 builds it")
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    made.parent.mkdir(parents=True, exist_ok=True)
    variables = dict(os.environ)
    command = ["go", "build", "-tags", "lambda.norpc", "-o", str(made), "."]
    if language == "rust":
        command = ["cargo", "build", "--locked", "--quiet"]
        variables["CARGO_TARGET_DIR"] = str(made.parent / "target")
    else:
        variables["CGO_ENABLED"] = "0"
    try:
        done = subprocess.run(
            command,
            cwd=SOURCES / language,
            env=variables,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{tool} did not finish within {BUILD_SECONDS_MAX} s")
    if done.returncode:
        pytest.skip(f"{tool} cannot build here, perhaps offline: {done.stderr[-500:]}")
    if language == "rust":
        shutil.copy(made.parent / "target" / "debug" / "bootstrap", made)
        shutil.rmtree(made.parent / "target")
    return made


@pytest.fixture(params=["go", "rust"])
def function(request, world):
    """The environment of a function in Go or in Rust."""
    program = build(request.param)
    made = world.program({"data": ""}, runtime="provided.al2023")
    shutil.copy(program, Path(made.code_path, "bootstrap"))
    return made


def test_invocations(world, function):
    """Events, context and answers pass, 6 MB too, and one process serves all."""
    pids = set()
    for n in range(20):
        event = json.dumps({"text": "x" * (6_000_000 if n == 10 else n)}).encode()
        ran = world.run(function, event, invoked_arn=f"{function.function_arn}:live")
        answer = json.loads(ran.payload)
        pids.add(answer.pop("pid"))
        assert answer == {
            "request": f"request-{n + 1}",
            "arn": f"{function.function_arn}:live",
            "left": True,
            "length": 6_000_000 if n == 10 else n,
        }
    assert len(pids) == 1


def test_errors(world, function):
    """An error is the library's body, and the environment goes on."""
    ran = world.run(function, b'{"fail": 1}')
    assert (ran.status, ran.error) == ("error", "Unhandled")
    assert json.loads(ran.payload)["errorMessage"] == "refused"
    assert world.run(function, b'{"text": "a"}').status == "ok"
    assert sum(world.executor.describe()["environments"].values()) == 1


def test_panic_in_go(world):
    """A panic is told with its message, and ends the process."""
    made = world.program({"data": ""}, runtime="provided.al2023")
    shutil.copy(build("go"), Path(made.code_path, "bootstrap"))
    ran = world.run(made, b'{"panic": 1}')
    assert json.loads(ran.payload)["errorMessage"] == "lost"
    world.reactor.until(lambda: not world.executor.describe()["environments"])
    assert world.run(made).status == "ok"
