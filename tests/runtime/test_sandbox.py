"""What a function may do to the machine at each level, where this machine can give the level."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from bootstraps import HEAD, LOOP, put_files

from redrive.runtime.nodes import find_nodes
from redrive.runtime.process import ISOLATED, Question, ask_version
from redrive.runtime.sandbox import LEVELS, SCRIPT, offered

PROBLEMS = json.loads(Question([sys.executable, *ISOLATED, str(SCRIPT)]).answer())
OFFERED = offered(PROBLEMS)
NODES = find_nodes(dict(os.environ), ask_version)

PROBE = """
import ctypes, errno, os, resource, subprocess, tempfile
def tried(deed):
    try:
        deed()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "ok"
def write(path):
    with open(path, "w") as file:
        file.write("x")
def status(name):
    for line in open("/proc/self/status"):
        if line.startswith(name + ":"):
            return line.split()[1]
def unshare():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x10000000):
        raise OSError(ctypes.get_errno(), "unshare")
def see(pid):
    os.kill(pid, 0)
def handler(event, context):
    here = os.environ["LAMBDA_TASK_ROOT"]
    own = tempfile.gettempdir()
    return {
        "own": own,
        "write_own": tried(lambda: write(own + "/a")),
        "write_tmp": tried(lambda: write("/tmp/redrive-test-sandbox")),
        "write_code": tried(lambda: write(here + "/b")),
        "read_code": tried(lambda: open(here + "/app.py").read()),
        "null": tried(lambda: write("/dev/null")),
        "stdout": tried(lambda: write("/dev/stdout")),
        "no_new_privs": status("NoNewPrivs"),
        "seccomp": status("Seccomp"),
        "capabilities": status("CapEff"),
        "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "unshare": tried(unshare),
        "server": tried(lambda: see(event["server"])),
        "environ": tried(lambda: open(f"/proc/{event['server']}/environ").read()),
        "child": subprocess.run(["echo", "x"], capture_output=True).stdout.decode(),
        "pid": os.getpid(),
        "tmp": sorted(os.listdir("/tmp")) if own == "/tmp" else [],
    }
"""


def needs(level: str) -> pytest.MarkDecorator:
    """Skip a test where a level cannot be had."""
    why = next((PROBLEMS[each] for each in LEVELS if PROBLEMS[each]), "")
    return pytest.mark.skipif(level not in OFFERED, reason=f"{level}: {why}")


def look(world, level, kind):
    """Run the probe at a level, as a fork of a warm parent or as a program."""
    world.knobs["sandbox"] = level
    if kind == "python":
        function = world.function(PROBE)
    else:
        files = {"bootstrap": HEAD + PROBE + "\nanswer = handler\n" + LOOP, "app.py": ""}
        function = world.program(files, runtime="provided.al2023")
    assert world.executor.sandbox_level(function) == level
    ran = world.run(function, json.dumps({"server": os.getpid()}).encode())
    assert ran.status == "ok", (ran, world.log())
    sandbox = world.executor.describe()["sandbox"]
    assert sandbox == {function.function_arn: level}
    return json.loads(ran.payload)


@pytest.fixture(autouse=True)
def _clean():
    """Leave nothing in the machine's /tmp."""
    yield
    Path("/tmp/redrive-test-sandbox").unlink(missing_ok=True)


@pytest.mark.parametrize("kind", ["python", "program"])
@pytest.mark.parametrize("level", [pytest.param(level, marks=needs(level)) for level in LEVELS])
def test_levels(world, level, kind):
    """Each level takes what it says, and leaves what functions need."""
    found = look(world, level, kind)
    rank = LEVELS.index(level)
    assert found["write_own"] == found["read_code"] == found["null"] == found["stdout"] == "ok"
    assert found["child"] == "x\n"
    if rank >= 1:
        assert found["descriptors"] <= 1024
    assert found["no_new_privs"] == "1" or rank < 2
    assert found["seccomp"] == "2" or rank < 3
    if rank >= 3:
        assert found["write_code"] in ("EACCES", "EROFS")
        assert found["unshare"] == "EPERM"
        assert found["environ"] in ("EACCES", "EPERM", "ENOENT")
    else:
        assert found["write_code"] == "ok"
    if rank == 3:
        assert found["write_tmp"] == "EACCES"
    if rank == 4:
        assert (found["own"], found["write_tmp"]) == ("/tmp", "ok")
        assert found["server"] in ("ESRCH", "EPERM")
        assert found["capabilities"] == "0000000000000000"
        assert not Path("/tmp/redrive-test-sandbox").exists()
        assert kind == "python" or (found["pid"] <= 3 and found["server"] == "ESRCH")
    else:
        assert found["own"] != "/tmp"


@needs("namespaces")
def test_private_tmp_survives_a_reset(world):
    """In namespaces /tmp itself is handed to the successor, and to nobody else."""
    world.knobs["sandbox"] = "namespaces"
    function = world.function("""
        import os
        def handler(event, context):
            if event == "write":
                open("/tmp/kept", "w").write("x")
            if event == "exit":
                os._exit(1)
            return os.path.exists("/tmp/kept")
    """)
    assert world.run(function, b'"write"').payload == b"true"
    assert world.run(function, b'"exit"').status == "exit"
    outcomes = [world.begin(function) for _ in range(2)]
    world.reactor.until(lambda: all(outcomes))
    assert sorted(each[0].payload for each in outcomes) == [b"false", b"true"]
    assert not Path("/tmp/kept").exists()


@needs("namespaces")
@pytest.mark.parametrize("count", [1, 2])
def test_opt_holds_the_layers(world, tmp_path, count):
    """In namespaces the layers are at /opt, one over the other, and cannot be changed."""
    names = ("one", "two")[:count]
    for name in names:
        put_files(tmp_path / name, {"both": name, f"only-{name}": name, "bin/tool": "#!/bin/sh\n"})
    world.knobs["sandbox"] = "namespaces"
    function = world.function(
        """
        import os
        def handler(event, context):
            try:
                open("/opt/new", "w")
            except OSError as error:
                told = error.errno in (13, 30)
            return [open("/opt/both").read(), sorted(os.listdir("/opt")), told]
        """,
        layers=tuple(str(tmp_path / name) for name in names),
    )
    only = [f"only-{name}" for name in names]
    found = json.loads(world.run(function).payload)
    assert found == [names[-1], ["bin", "both", *only], True]


@needs("namespaces")
@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("os._exit(3)", "exit status 3"),
        ("os.kill(os.getpid(), 9)", "signal: killed"),
        ("os.abort()", "signal: aborted"),
    ],
)
def test_exit_status_comes_through(world, statement, reason):
    """How a process ended is told from within namespaces too."""
    world.knobs["sandbox"] = "namespaces"
    function = world.function(f"import os\ndef handler(event, context):\n    {statement}\n")
    ran = world.run(function)
    assert ran.status == "exit"
    assert reason in json.loads(ran.payload)["errorMessage"]


@needs("namespaces")
def test_nothing_outlives_a_namespace(world, tmp_path):
    """A timeout ends everything in it, also what has left its session."""
    world.knobs["sandbox"] = "namespaces"
    function = world.function(
        """
        import subprocess, time
        def handler(event, context):
            for _ in range(3):
                subprocess.Popen(["sleep", "31.4159"], start_new_session=True)
            time.sleep(1000)
        """,
        timeout_ms=500,
    )
    assert world.run(function).status == "timeout"

    def sleepers():
        found = 0
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                found += b"31.4159" in path.read_bytes()
            except OSError:
                continue
        return found

    world.reactor.until(lambda: not sleepers())


@needs("namespaces")
def test_memory_is_the_functions_own(world):
    """Our own processes around a function are not counted, and the limit holds."""
    world.knobs["sandbox"] = "namespaces"
    function = world.function(
        """
        def handler(event, context):
            block = bytearray(event << 20)
            for at in range(0, len(block), 4096):
                block[at] = 1
        """,
        memory_mb=128,
    )
    ran = world.run(function, b"1")
    assert (ran.status, ran.memory_mb < 60) == ("ok", True)
    assert world.run(function, b"300").status == "exit"


@needs("namespaces")
@pytest.mark.skipif(not NODES, reason="no Node.js here")
def test_node_in_a_namespace(world):
    """Node.js runs there, writes to /tmp and cannot write elsewhere."""
    world.knobs["sandbox"] = "namespaces"
    function = world.program(
        {
            "index.js": """
            const fs = require("fs");
            exports.handler = async () => {
                fs.writeFileSync("/tmp/a", "x");
                let code = "";
                try { fs.writeFileSync(__dirname + "/b", "x"); } catch (e) { code = e.code; }
                return [fs.readdirSync("/tmp").includes("a"), code, process.pid < 9];
            };
            """
        },
        runtime="nodejs20.x",
        handler="index.handler",
    )
    found = json.loads(world.run(function).payload)
    assert found[0] is True
    assert found[1] in ("EACCES", "EROFS")
    assert found[2] is True


def test_unknown_level(world):
    """A level that does not exist is refused with the list."""
    world.knobs["sandbox"] = "steel"
    with pytest.raises(ValueError, match="sandbox must be one of auto, none, rlimits"):
        world.executor.describe()
    world.knobs["sandbox"] = "none"


def test_auto_is_the_best_that_suits_all(world):
    """auto never means the level that breaks functions which write to /tmp."""
    world.knobs["sandbox"] = "auto"
    function = world.function("def handler(event, context): return 1")
    level = world.executor.sandbox_level(function)
    assert level == [each for each in OFFERED if each != "landlock"][-1]
    assert world.run(function).payload == b"1"
