"""Which process serves what: concurrency, reuse, retirement, expiry, death and the end."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from redrive.core.effects import Ran, Run
from redrive.core.time import Millis
from redrive.runtime.interpreters import Interpreter

PID = """
    import os, time
    def handler(event, context):
        time.sleep(event.get("sleep", 0))
        return os.getpid()
"""


def pids(outcomes) -> set[int]:
    """Return the processes that served some invocations."""
    return {json.loads(outcome[0].payload) for outcome in outcomes}


def test_eight_at_once(world):
    """As many environments are started as are asked for at once, each serving one invocation."""
    function = world.function(PID)
    outcomes = [world.begin(function, b'{"sleep": 0.2}') for _ in range(8)]
    world.reactor.until(lambda: all(outcomes))
    assert len(pids(outcomes)) == 8
    assert world.executor.describe()["environments"] == {"idle": 8}


def test_more_than_there_is_room_for(world):
    """What finds no room waits for an environment to become free, and its timeout waits too."""
    world.knobs["environments_max"] = 2
    function = world.function(PID, timeout_ms=900)
    outcomes = [world.begin(function, b'{"sleep": 0.4}') for _ in range(6)]
    assert world.executor.describe()["queued"] == 4
    world.reactor.until(lambda: all(outcomes))
    assert {outcome[0].status for outcome in outcomes} == {"ok"}
    assert len(pids(outcomes)) == 2


def test_one_function_makes_room_for_another(world):
    """An idle environment of one function is ended when another needs its place."""
    world.knobs["environments_max"] = 1
    first, second = world.function(PID, name="a"), world.function(PID, name="b")
    one, two = world.run(first), world.run(second)
    assert one.payload != two.payload
    assert world.run(second).payload == two.payload
    assert world.run(first).payload != one.payload


def test_retire(world):
    """After new code, idle environments of the old die and a busy one finishes first."""
    old = world.function(PID)
    busy, idle = world.begin(old, b'{"sleep": 0.5}'), world.begin(old)
    world.reactor.until(lambda: bool(idle))
    new = world.function(PID, revision="2")
    fresh = world.run(new)
    world.executor.retire(old.function_arn, "2")
    assert world.executor.describe()["environments"].get("idle") == 1
    world.reactor.until(lambda: bool(busy))
    assert busy[0].status == "ok"
    world.reactor.until(lambda: world.executor.describe()["environments"] == {"idle": 1})
    assert world.run(new).payload == fresh.payload


def test_retire_a_deleted_function(world):
    """After a deletion nothing of the function is left."""
    function = world.function(PID)
    pid = json.loads(world.run(function).payload)
    world.executor.retire(function.function_arn, None)
    world.reactor.until(lambda: not world.executor.describe()["environments"])
    assert not Path(f"/proc/{pid}").exists()


def test_warm(world):
    """A warmed function's first invocation finds an environment; warming twice starts one."""
    function = world.function(PID)
    world.executor.warm(function)
    world.executor.warm(function)
    world.reactor.until(lambda: world.executor.describe()["environments"] == {"idle": 1})
    world.run(function)
    assert world.executor.describe()["environments"] == {"idle": 1}


def test_invocation_takes_the_one_that_is_getting_warm(world):
    """An invocation that comes while an environment is being warmed waits for that one."""
    function = world.function(PID)
    world.executor.warm(function)
    world.run(function)
    assert world.executor.describe()["environments"] == {"idle": 1}


def test_idle_environments_and_parents_expire(world):
    """What nobody uses for long enough is ended, environments first, then their parent."""
    world.knobs["idle_ms"] = 100
    world.run(world.function(PID))
    world.reactor.until(lambda: not world.executor.describe()["environments"])
    world.reactor.until(lambda: not world.executor.describe()["parents"])


def test_parent_that_dies_is_replaced(world):
    """A parent's death costs its environments; the next invocation has a new one."""
    function = world.function(PID)
    outcome = world.begin(function, b'{"sleep": 1000}')
    world.reactor.until(lambda: world.executor.describe()["environments"] == {"busy": 1})
    parent = world.executor.describe()["parents"][0]["pid"]
    os.kill(parent, signal.SIGKILL)
    world.reactor.until(lambda: bool(outcome))
    assert outcome[0].status == "exit"
    assert b"signal: killed" in outcome[0].payload
    assert world.run(function).status == "ok"
    assert world.executor.describe()["parents"][0]["pid"] != parent


def test_parent_that_cannot_start(world, tmp_path):
    """A program that is no Python answers with what it said, and is not started for ever."""
    program = tmp_path / "python3.11"
    program.write_text("#!/bin/sh\necho no such luck\nexit 1\n")
    program.chmod(0o755)
    executor = world.executor
    executor._choices._pythons = [Interpreter(11, str(program))]
    ran = world.run(world.function(PID))
    told = json.loads(ran.payload)
    assert told["errorType"] == "Runtime.InvalidEntrypoint"
    assert "no such luck" in told["errorMessage"]


def test_program_that_is_gone(world, tmp_path):
    """An interpreter that was removed meanwhile is an answer and not a crash."""
    world.executor._choices._pythons = [Interpreter(11, str(tmp_path / "nowhere"))]
    ran = world.run(world.function(PID))
    assert json.loads(ran.payload)["errorType"] == "Runtime.InvalidEntrypoint"


def test_code_that_is_gone(world):
    """A function whose folder was removed fails to import, as a function, and harms nobody."""
    function = world.function(PID)
    Path(function.code_path, "app.py").unlink()
    Path(function.code_path).rmdir()
    assert world.run(function).error == "Unhandled"


def test_close_leaves_nothing(world):
    """Closing ends every process, and invocations under way are answered, once."""
    function = world.function(PID)
    outcomes = [world.begin(function, b'{"sleep": 1000}') for _ in range(3)]
    world.reactor.until(lambda: world.executor.describe()["environments"] == {"busy": 3})
    parent = world.executor.describe()["parents"][0]["pid"]
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    assert len(children) == 3
    late = world.begin(function)
    world.close()
    world.close()
    assert not [pid for pid in [parent, *children] if Path(f"/proc/{pid}").exists()]
    assert [len(outcome) for outcome in [*outcomes, late]] == [1] * 4
    assert world.reactor.watched() == 0
    assert not list((world.folder / "work").iterdir())


def test_no_descriptor_is_lost(world):
    """Descriptors of dead environments are given back."""
    function = world.function("import os\ndef handler(event, context): os._exit(1)")
    world.run(function)
    world.reactor.until(lambda: not world.executor.describe()["environments"])
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        world.run(function)
    world.reactor.until(lambda: not world.executor.describe()["environments"])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_done_may_run_again(world):
    """The callback of one invocation may start the next at once."""
    function = world.function(PID)
    seen: list[Ran] = []

    def again(ran: Ran) -> None:
        seen.append(ran)
        if len(seen) < 50:
            start()

    def start() -> None:
        request_id = f"again-{len(seen)}"
        deadline = Millis(world.reactor.now_ms() + 20_000)
        world.executor.run(Run(function, request_id, b"{}", deadline), again)

    start()
    world.reactor.until(lambda: len(seen) == 50)
    assert len({ran.payload for ran in seen}) == 1
    assert {ran.status for ran in seen} == {"ok"}


def test_invocation_of_one_that_fails_to_get_warm(world):
    """An invocation that waits for an environment which then fails is tried again, and told."""
    function = world.function("print('once')\nraise RuntimeError('never')\n")
    world.executor.warm(function)
    outcome = world.begin(function)
    world.reactor.until(lambda: bool(outcome))
    assert json.loads(outcome[0].payload)["errorMessage"] == "never"
    assert world.log().count("once\n") == 2


def test_retire_while_it_is_forked(world):
    """An environment that is ended before it exists takes nobody with it."""
    function = world.function(PID, name="a")
    other = world.function(PID, name="b")
    waiting = world.begin(other)
    parents = [parent["pid"] for parent in world.executor.describe()["parents"]]
    world.executor.warm(function)
    world.executor.retire(function.function_arn, None)
    world.reactor.until(lambda: bool(waiting))
    assert waiting[0].status == "ok"
    world.reactor.until(lambda: world.executor.describe()["environments"] == {"idle": 1})
    assert [parent["pid"] for parent in world.executor.describe()["parents"]] == parents
