"""Extensions: external ones in layers, internal ones, their events, their ends and failures."""

from __future__ import annotations

import json

import pytest
from bootstraps import HEAD, bootstrap, extension, program, put_files

RUNTIME = "provided.al2023"
ECHO = bootstrap("""
    import signal
    print("runtime begins", flush=True)
    def answer(event, headers):
        if "exit" in event:
            sys.exit(event["exit"])
        time.sleep(event.get("sleep", 0))
        return os.getpid()
""")

RECORDER = """
import tempfile
place = os.path.dirname(os.path.abspath(sys.argv[0])) + "/../seen"
def note(text):
    open(place, "a").write(json.dumps(text) + "\\n")
"""


def layer(tmp_path, programs, name="layer"):
    """Return a layer with extensions."""
    files = {f"extensions/{each}": text for each, text in programs.items()}
    return str(put_files(tmp_path / name, files))


def recording(code: str, events: str = '["INVOKE", "SHUTDOWN"]') -> str:
    """Return an extension that can note what it sees in its layer's file."""
    begin = f'mark = register({events})[1]["Lambda-Extension-Identifier"]\n'
    return HEAD + RECORDER + begin + code


WATCHER = recording("""
while True:
    event = event_next(mark)
    note(event)
    if event["eventType"] == "SHUTDOWN":
        break
""")


def seen(tmp_path):
    """Return what the recording extension has noted."""
    file = tmp_path / "layer" / "seen"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def gone(world):
    """Tell whether no environment is left."""
    return not world.executor.describe()["environments"]


def test_invoke_and_shutdown(world, tmp_path):
    """An external extension hears of each invocation and of the end, and starts before the rest."""
    function = world.program(ECHO, runtime=RUNTIME, layers=(layer(tmp_path, {"watcher": WATCHER}),))
    ran = world.run(function, trace="Root=1")
    assert ran.status == "ok"
    world.reactor.until(lambda: "idle" in world.executor.describe()["environments"])
    assert world.run(function).payload == ran.payload
    world.executor.retire(function.function_arn, None)
    world.reactor.until(lambda: gone(world))
    first, second, last = seen(tmp_path)
    assert first["eventType"] == second["eventType"] == "INVOKE"
    assert first["requestId"] == "request-1"
    assert first["invokedFunctionArn"] == function.function_arn
    assert first["tracing"] == {"type": "X-Amzn-Trace-Id", "value": "Root=1"}
    assert (last["eventType"], last["shutdownReason"]) == ("SHUTDOWN", "spindown")


@pytest.mark.parametrize(
    ("event", "status", "reason"),
    [(b'{"sleep": 1000}', "timeout", "timeout"), (b'{"exit": 3}', "exit", "failure")],
)
def test_shutdown_after_a_failure(world, tmp_path, event, status, reason):
    """After a timeout or a crash the answer comes at once, and extensions hear why they end."""
    function = world.program(
        ECHO,
        runtime=RUNTIME,
        layers=(layer(tmp_path, {"watcher": WATCHER}),),
        timeout_ms=700,
    )
    ran = world.run(function, event)
    assert ran.status == status
    if status == "exit":
        assert b"exit status 3" in ran.payload
    world.reactor.until(lambda: gone(world))
    assert seen(tmp_path)[-1]["shutdownReason"] == reason
    assert world.run(function).status == "ok"


def test_shutdown_has_an_end(world, tmp_path):
    """An extension that does not end within 2 s of its SHUTDOWN is killed."""
    slow = recording("""
while True:
    note({"event": event_next(mark)["eventType"], "pid": os.getpid()})
    if open(place).read().count("SHUTDOWN"):
        time.sleep(1000)
""")
    function = world.program(ECHO, runtime=RUNTIME, layers=(layer(tmp_path, {"slow": slow}),))
    world.run(function)
    world.reactor.until(lambda: "idle" in world.executor.describe()["environments"])
    begun_ms = world.reactor.now_ms()
    world.executor.retire(function.function_arn, None)
    world.reactor.until(lambda: gone(world))
    assert seen(tmp_path)[-1]["event"] == "SHUTDOWN"
    assert world.reactor.now_ms() - begun_ms >= 2000
    assert world.executor.describe()["parents"][0]["state"] == "open"


def test_runtime_is_asked_to_end(world, tmp_path):
    """Beside extensions a runtime gets SIGTERM before it is killed; alone it is killed at once."""
    runtime = {
        "bootstrap": program("""
            def leave(number, frame):
                print("leaving", flush=True)
                os._exit(0)
            signal.signal(signal.SIGTERM, leave)
            while True:
                id, _, _ = get_next()
                post(f"invocation/{id}/response", "1")
        """)
    }
    layers = (layer(tmp_path, {"watcher": WATCHER}),)
    function = world.program(runtime, runtime=RUNTIME, layers=layers)
    alone = world.program(runtime, runtime=RUNTIME, name="alone")
    for each in (function, alone):
        world.run(each)
    world.reactor.until(lambda: world.executor.describe()["environments"] == {"idle": 2})
    for each in (function, alone):
        world.executor.retire(each.function_arn, None)
    world.reactor.until(lambda: gone(world))
    told = [chunk.function_name for chunk in world.chunks if "leaving" in chunk.text]
    assert told == ["f"]


def test_environment_waits_for_its_extensions(world, tmp_path):
    """The answer does not wait for an extension; the next invocation gets another environment."""
    slow = recording(
        """
while True:
    event_next(mark)
    while not os.path.exists(place + ".go"):
        time.sleep(0.01)
""",
        '["INVOKE"]',
    )
    layers = (layer(tmp_path, {"slow": slow}),)
    function = world.program(ECHO, runtime=RUNTIME, layers=layers)
    first, second = world.run(function), world.run(function)
    assert first.payload != second.payload
    (tmp_path / "layer" / "seen.go").touch()
    world.reactor.until(lambda: world.executor.describe()["environments"] == {"idle": 2})


def test_internal_extension(world):
    """A runtime may register extensions of its own, for INVOKE only, and before it is ready."""
    files = {
        "bootstrap": program("""
            seen = [register(["INVOKE", "SHUTDOWN"], "mine")[0]]
            status, headers, body = register(["INVOKE"], "mine")
            seen += [status, json.loads(body), register(["INVOKE"], "mine")[0]]
            mark = headers["Lambda-Extension-Identifier"]
            import threading
            def listen():
                global api_of_mine
                other = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
                while True:
                    path = "/2020-01-01/extension/event/next"
                    other.request("GET", path, None, {"Lambda-Extension-Identifier": mark})
                    seen.append(json.loads(other.getresponse().read())["eventType"])
            threading.Thread(target=listen, daemon=True).start()
            while True:
                id, _, _ = get_next()
                late = register(["INVOKE"], "late")[0]
                while "INVOKE" not in seen:
                    time.sleep(0.001)
                post(f"invocation/{id}/response", json.dumps([*seen, late]))
        """)
    }
    function = world.program(files, runtime=RUNTIME)
    answer = json.loads(world.run(function).payload)
    names = {"functionName": "f", "functionVersion": "$LATEST", "handler": "app.handler"}
    assert answer == [403, 200, names, 403, "INVOKE", 403]
    world.executor.retire(function.function_arn, None)
    world.reactor.until(lambda: gone(world))


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (
            "#!/bin/sh\nexit 7\n",
            "Extension.Crash",
            "bad exited with error: exit status 7",
        ),
        (
            extension("""
            path = "/2020-01-01/extension/init/error"
            ask("POST", path, '{"errorMessage": "no licence"}', Lambda_Extension_Identifier=mark,
                Lambda_Extension_Function_Error_Type="Extension.Unlicensed")
            time.sleep(1000)
            """),
            "Extension.Unlicensed",
            "no licence",
        ),
    ],
)
def test_extension_that_fails_at_init(world, tmp_path, code, kind, words):
    """An extension that ends or gives up at init is the answer, in the place of the function."""
    layers = (layer(tmp_path, {"bad": code}),)
    ran = world.run(world.program(ECHO, runtime=RUNTIME, layers=layers))
    body = json.loads(ran.payload)
    assert (ran.status, body["errorType"]) == ("init-error", kind)
    assert words in body["errorMessage"]
    assert "runtime begins" not in world.log() or kind == "Extension.Unlicensed"


def test_extension_that_crashes_later(world, tmp_path):
    """An extension that ends during an invocation fails it, and the next one begins anew."""
    bad = extension("event_next(mark)\nsys.exit(9)\n")
    layers = (layer(tmp_path, {"bad": bad}),)
    ran = world.run(world.program(ECHO, runtime=RUNTIME, layers=layers), b'{"sleep": 1000}')
    body = json.loads(ran.payload)
    assert (ran.status, body["errorType"]) == ("error", "Extension.Crash")
    assert "exit status 9" in body["errorMessage"]
    world.reactor.until(lambda: gone(world))


def test_extension_that_never_registers(world, tmp_path):
    """The init ends at its limit when an extension does not register."""
    world.knobs["init_ms"] = 300
    layers = (layer(tmp_path, {"mute": "#!/bin/sh\nexec sleep 1000\n"}),)
    function = world.program(ECHO, runtime=RUNTIME, layers=layers, timeout_ms=500)
    ran = world.run(function)
    assert ran.status == "timeout"
    assert "runtime begins" not in world.log()


def test_python_functions_have_extensions_too(world, tmp_path):
    """A Python handler works the same beside an extension: events, errors, log and context."""
    function = world.function(
        """
        import logging, shared
        logging.getLogger().setLevel("INFO")
        def handler(event, context):
            logging.info("told")
            if event.get("fail"):
                raise ValueError("no")
            left = context.get_remaining_time_in_millis()
            return [shared.name, context.invoked_function_arn, 0 < left <= 20000]
        """,
        layers=(layer(tmp_path, {"watcher": WATCHER}),),
    )
    put_files(tmp_path / "layer", {"python/shared.py": "name = 'layer'\n"})
    ran = world.run(function, invoked_arn="arn:x")
    assert json.loads(ran.payload) == ["layer", "arn:x", True]
    assert b"\trequest-1\ttold\n" in ran.log_tail
    failed = world.run(function, b'{"fail": true}')
    body = json.loads(failed.payload)
    assert (failed.status, body["errorType"], body["errorMessage"]) == ("error", "ValueError", "no")
    assert len(body["stackTrace"]) == 1
    assert f'{function.code_path}/app.py", line 7' in body["stackTrace"][0]
    world.reactor.until(lambda: "idle" in world.executor.describe()["environments"])
    world.executor.retire(function.function_arn, None)
    world.reactor.until(lambda: gone(world))
    kinds = [each["eventType"] for each in seen(tmp_path)]
    assert kinds.count("INVOKE") == 2
    assert kinds[-1] == "SHUTDOWN"


def test_wrapper_script(world, tmp_path):
    """AWS_LAMBDA_EXEC_WRAPPER starts the runtime, found at its place in a layer."""
    put_files(tmp_path / "wrap", {"wrapper": '#!/bin/sh\nexport WRAPPED="$#"\nexec "$@"\n'})
    function = world.function(
        "import os\ndef handler(event, context): return os.environ['WRAPPED']\n",
        variables={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"},
        layers=(str(tmp_path / "wrap"),),
    )
    assert int(json.loads(world.run(function).payload)) > 1
    missing = world.function(
        "", revision="2", variables={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/nothing"}
    )
    assert b"/opt/nothing: the file" in world.run(missing).payload
