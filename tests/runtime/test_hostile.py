"""What functions may do to their own process, and what the server must not notice of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


def is_running(pid: int) -> bool:
    """Tell whether a process exists and is not a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def answers_well(world, function) -> bool:
    """Tell whether the function answers `1` with "well"."""
    return world.run(function, b"1").payload == b'"well"'


HOSTILE = """
    import os, signal, socket, subprocess, sys, threading, time

    def channel():
        for fd in range(3, 200):
            try:
                found = socket.socket(fileno=os.dup(fd))
                if found.family == socket.AF_UNIX and found.getpeername() is not None:
                    return found
            except OSError:
                continue

    def handler(event, context):
        if event == 1:
            return "well"
        {body}
        time.sleep(1000)
"""

DEEDS = {
    "closes everything": "os.closerange(0, 1000)",
    "closes its output": "os.closerange(0, 3); return 1",
    "closes everything and returns": "os.closerange(0, 1000); return 1",
    "writes garbage to the channel": "channel().send(b'garbage' * 1000)",
    "writes a huge length": "channel().send(b'O' + bytes([255] * 16))",
    "answers twice": "channel().send((b'O' + bytes([0, 0, 0, 1]) + bytes(12)) * 2)",
    "answers another question": "channel().send(b'O' + bytes([0, 0, 0, 9]) + bytes(12))",
    "writes half a frame": "channel().send(b'O' + bytes(5))",
    "fills the channel": "channel().send(b'O' + bytes([0, 0, 0, 1]) + bytes(9) + b'Z' * 9999)",
    "stops itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "ignores all signals": "[signal.signal(s, signal.SIG_IGN) for s in (1, 2, 3, 13, 15, 17)]",
    "deletes its modules": "sys.modules.clear(); return 'well'",
    "breaks its output": "sys.stdout = sys.stderr = None; print('x'); return 1",
    "kills its parent": "os.kill(os.getppid(), signal.SIGKILL)",
    "stops its parent": "os.kill(os.getppid(), signal.SIGSTOP)",
    "returns twice": "os.fork(); return 1",
    "recurses": "handler(event, context)",
    "leaves with threads": "threading.Thread(target=time.sleep, args=(99,)).start(); sys.exit(1)",
    "raises the untold": "raise type('E', (Exception,), {'__str__': lambda s: 1 / 0})()",
    "takes the session": "os.setpgid(0, 0) if os.getpgid(0) != os.getpid() else None",
    "writes bytes that are not text": "os.write(1, bytes(range(256))); return 1",
}


@pytest.mark.parametrize("deed", DEEDS)
def test_done_is_called_once_and_the_next_one_is_well(world, deed):
    """Whatever a handler does, its invocation ends exactly once and the next one is served."""
    world.knobs["idle_ms"] = 300
    function = world.function(HOSTILE.format(body=DEEDS[deed]), timeout_ms=500)
    outcome = world.begin(function, b"null")
    world.reactor.until(lambda: bool(outcome))
    assert answers_well(world, function)
    assert len(outcome) == 1
    world.close()
    assert world.reactor.watched() == 0


def test_grandchildren_die_at_the_timeout(world):
    """A timeout kills what the function started too: children, a child's child, and a daemon."""
    function = world.function(
        """
        import os, subprocess, sys, time
        daemon = '''
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                print(os.getpid(), flush=True)
                time.sleep(1000)
        else:
            time.sleep(1000)
        '''
        def handler(event, context):
            child = subprocess.Popen([sys.executable, "-c", daemon], stdout=subprocess.PIPE)
            print("pids", os.getpid(), child.pid, child.stdout.readline().decode().strip())
            time.sleep(1000)
        """,
        timeout_ms=1500,
    )
    ran = world.run(function)
    assert ran.status == "timeout"
    pids = [
        int(word) for word in ran.log_tail.decode().partition("pids ")[2].split("\n")[0].split()
    ]
    assert len(pids) == 3
    world.reactor.until(lambda: not any(is_running(pid) for pid in pids))


def test_daemon_lives_as_long_as_its_environment(world):
    """What a function left running is not taken for an orphan when another environment ends."""
    function = world.function(
        """
        import os, time
        def handler(event, context):
            if event is not None:
                return [os.kill(event, 0), os.getpid()]
            reading, writing = os.pipe()
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.write(writing, str(os.getpid()).encode())
                    time.sleep(1000)
                os._exit(0)
            os.wait()
            return int(os.read(reading, 20))
        """,
        name="daemon",
    )
    other = world.function("import os\ndef handler(event, context): os._exit(1)", name="other")
    pid = json.loads(world.run(function, b"null").payload)
    for _ in range(2):
        assert world.run(other).status == "exit"
    outcome = json.loads(world.run(function, str(pid).encode()).payload)
    assert outcome[0] is None
    os.kill(outcome[1], signal.SIGKILL)
    world.reactor.until(lambda: not is_running(pid))


def test_grandchild_that_holds_the_pipe_does_not_hold_the_answer(world):
    """An answer does not wait for a background process that has the output open."""
    function = world.function("""
        import subprocess
        def handler(event, context):
            return subprocess.Popen(["sleep", "1000"]).pid
    """)
    ran = world.run(function)
    pid = json.loads(ran.payload)
    assert is_running(pid)
    world.close()
    assert not is_running(pid)


def test_flood_of_output(world):
    """Output over the cap is dropped, says how much, and the tail is still the end of it."""
    world.knobs["log_bytes_max"] = 100_000
    function = world.function("""
        def handler(event, context):
            for number in range(60_000):
                print("line", number)
            print("the end")
    """)
    ran = world.run(function)
    assert ran.status == "ok"
    log = world.log()
    assert len(log) < 110_000
    assert "bytes of this log were not kept\n" in log
    assert b"line 59999\nthe end\n" in ran.log_tail
    assert len(ran.log_tail) <= 4096


def test_flood_without_an_end(world):
    """A function that only prints is killed at its timeout, and others are served meanwhile."""
    flood = world.function(
        """
        def handler(event, context):
            while True:
                print("x" * 1000)
        """,
        name="flood",
        timeout_ms=1500,
    )
    quiet = world.function("def handler(event, context): return 1", name="quiet")
    outcome = world.begin(flood)
    served = 0
    while not outcome:
        assert world.run(quiet).payload == b"1"
        served += 1
    assert outcome[0].status == "timeout"
    assert served > 10
    kept = sum(len(chunk.text) for chunk in world.chunks if chunk.function_name == "flood")
    assert kept <= (1 << 20) + 4000
    dropped = int(world.log().partition("[redrive] ")[2].split()[0])
    assert dropped < 50_000_000, "the flood is read as fast as it comes, instead of now and then"


@pytest.mark.parametrize("size", [10, 4000, 65_000, 200_000])
def test_tail_is_complete(world, size):
    """All that was printed before the answer is in the log and in the tail, flushed or not."""
    function = world.function("""
        import sys
        def handler(event, context):
            sys.stdout.write("x" * event + "last words")
    """)
    for _ in range(3):
        ran = world.run(function, str(size).encode())
        assert b"last words\nEND RequestId" in ran.log_tail
    assert world.log().count("last words\n") == 3


def test_large_event(world):
    """An event of 6 MB arrives whole."""
    function = world.function("def handler(event, context): return len(event)")
    assert world.run(function, b'"' + b"x" * 6_000_000 + b'"').payload == b"6000000"


def test_large_event_to_one_that_does_not_read(world):
    """An event of 6 MB to a stopped process blocks nobody, and the invocation times out."""
    function = world.function(
        """
        import os, signal, threading, time
        def later():
            time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGSTOP)
        def handler(event, context):
            if event == 1:
                return "well"
            threading.Thread(target=later).start()
        """,
        name="stuck",
        timeout_ms=1000,
    )
    quiet = world.function("def handler(event, context): return 1", name="quiet")
    world.run(quiet)
    world.run(function, b"null")
    pid = stopped_environment(world)
    assert pid
    outcome = world.begin(function, b'"' + b"x" * 6_000_000 + b'"')
    assert world.run(quiet).payload == b"1"
    world.reactor.until(lambda: bool(outcome))
    assert outcome[0].status == "timeout"
    assert answers_well(world, function)


def stopped_environment(world) -> int:
    """Wait until an environment has stopped itself; return its process."""
    parent = world.executor.describe()["parents"][0]["pid"]
    found: list[int] = []

    def look() -> bool:
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            if Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "T":
                found.append(int(child))
        world.reactor.turn(10)
        return bool(found)

    world.reactor.until(look)
    return found[0]


def test_idle_environment_that_dies_is_replaced(world):
    """An environment that dies between two invocations costs nobody anything."""
    function = world.function("""
        import os
        def handler(event, context):
            return os.getpid()
    """)
    first = json.loads(world.run(function).payload)
    os.kill(first, signal.SIGKILL)
    world.reactor.until(lambda: not world.executor.describe()["environments"])
    assert json.loads(world.run(function).payload) != first


def test_nothing_outlives_the_server(tmp_path):
    """When the server is killed, its parents, environments and what those started die too."""
    here = Path(__file__).parent
    script = textwrap.dedent("""
        import sys
        sys.path.insert(0, sys.argv[1])
        from pathlib import Path
        from conftest import World
        world = World(Path(sys.argv[2]))
        function = world.function('''
            import os, subprocess, sys, time
            def handler(event, context):
                other = subprocess.Popen(["sleep", "1000"], start_new_session=True)
                print("pids", os.getppid(), os.getpid(), other.pid)
                sys.stdout.flush()
                time.sleep(1000)
        ''')
        world.begin(function)
        world.reactor.until(lambda: "pids" in world.log())
        print(world.log().partition("pids ")[2].split("\\\\n")[0], flush=True)
        world.reactor.until(lambda: False)
    """)
    command = [sys.executable, "-c", script, str(here), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pids = [int(word) for word in server.stdout.readline().split()]
        assert len(pids) == 3
        assert all(is_running(pid) for pid in pids)
        server.kill()
    while any(is_running(pid) for pid in pids):
        os.sched_yield()
