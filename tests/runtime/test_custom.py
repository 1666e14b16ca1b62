"""Custom runtimes: a program named bootstrap, the Runtime API over HTTP, and what goes wrong."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from bootstraps import bootstrap, program, put_files

ECHO = bootstrap("""
    def answer(event, headers):
        return [event, headers, os.getpid(), os.getcwd(), sys.argv[0]]
""")


def run_once(world, files, event=b"{}", **more):
    """Run a custom runtime once and return its outcome."""
    return world.run(world.program(files, runtime="provided.al2023", **more), event)


def test_invocation(world):
    """The event and AWS's headers reach the runtime, in the folder of its code."""
    function = world.program(ECHO, runtime="provided.al2023")
    ran = world.run(
        function,
        b'{"n": 1}',
        trace="Root=1-2-3",
        invoked_arn=f"{function.function_arn}:live",
        client_context=b'{"custom": {"a": "\xc3\xa9"}}',
    )
    event, headers, _, folder, _ = json.loads(ran.payload)
    assert (ran.status, ran.error, event, folder) == ("ok", None, {"n": 1}, function.code_path)
    assert headers["Lambda-Runtime-Aws-Request-Id"] == "request-1"
    assert headers["Lambda-Runtime-Invoked-Function-Arn"] == f"{function.function_arn}:live"
    assert headers["Lambda-Runtime-Trace-Id"] == "Root=1-2-3"
    assert json.loads(headers["Lambda-Runtime-Client-Context"].encode("latin-1")) == {
        "custom": {"a": "é"}
    }
    left_ms = int(headers["Lambda-Runtime-Deadline-Ms"]) - world.reactor.now_ms()
    assert 0 < left_ms <= function.timeout_ms
    assert ran.init_ms is not None


def test_one_environment_serves_many(world):
    """Invocations one after the other, also at once after an answer, find the same environment."""
    function = world.program(ECHO, runtime="provided.al2")
    pids = {json.loads(world.run(function).payload)[2] for _ in range(200)}
    assert len(pids) == 1
    assert world.executor.interpreter("provided.al2").note == ""


def test_two_at_once_are_two_environments(world):
    """What comes while one works is served by another."""
    function = world.program(ECHO, runtime="provided.al2023")
    outcomes = [world.begin(function) for _ in range(2)]
    world.reactor.until(lambda: all(outcomes))
    assert len({json.loads(each[0].payload)[2] for each in outcomes}) == 2


def test_error_of_the_handler(world):
    """What is posted as an error is the payload, and the environment lives on."""
    files = {
        "bootstrap": program("""
            while True:
                id, _, event = get_next()
                body = json.dumps({"errorType": "E", "errorMessage": str(os.getpid())})
                post(f"invocation/{id}/error", body, Lambda_Runtime_Function_Error_Type="E")
        """)
    }
    function = world.program(files, runtime="provided.al2023")
    first, second = world.run(function), world.run(function)
    assert (first.status, first.error) == ("error", "Unhandled")
    assert json.loads(first.payload)["errorType"] == "E"
    assert first.payload == second.payload


def test_init_error_is_run_again_and_told(world, tmp_path):
    """An init that is told to have failed is run once more, then its body is the answer."""
    files = {
        "bootstrap": program(f"""
            open({str(tmp_path / "seen")!r}, "a").write("x")
            post("init/error", '{{"errorType": "Bad", "errorMessage": "no"}}')
            sys.exit(1)
        """)
    }
    ran = run_once(world, files)
    assert json.loads(ran.payload) == {"errorType": "Bad", "errorMessage": "no"}
    assert ran.status == "init-error"
    assert (tmp_path / "seen").read_text() == "xx"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit(0)", "Runtime exited without providing a reason"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "signal: segmentation fault"),
    ],
)
@pytest.mark.parametrize("when", ["init", "invocation"])
def test_exit(world, code, reason, when):
    """A runtime that ends is told with its status, and the next invocation finds a new one."""
    wait = "get_next()\n" if when == "invocation" else ""
    function = world.program({"bootstrap": program(wait + code)}, runtime="provided.al2023")
    ran = world.run(function)
    body = json.loads(ran.payload)
    assert (ran.status, body["errorType"]) == ("exit", "Runtime.ExitError")
    assert body["errorMessage"].startswith("RequestId: request-1 Error: Runtime exited with")
    assert reason in body["errorMessage"]
    world.reactor.until(lambda: not world.executor.describe()["environments"])


def test_timeout_kills_all_that_descends(world, tmp_path):
    """A timeout is AWS's; the runtime and its children are gone."""
    files = bootstrap(f"""
        import subprocess
        def answer(event, headers):
            child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
            open({str(tmp_path / "pids")!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
            time.sleep(1000)
    """)
    function = world.program(files, runtime="provided.al2023", timeout_ms=700)
    body = json.loads(world.run(function).payload)
    assert body["errorType"] == "Sandbox.Timedout"
    assert body["errorMessage"].endswith("Task timed out after 0.70 seconds")
    pids = (tmp_path / "pids").read_text().split()
    world.reactor.until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"other": ""}, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"),
        ({"bootstrap": "echo"}, "permission denied"),
    ],
)
def test_no_bootstrap(world, files, words):
    """Code without a program that can be run is AWS's error."""
    body = json.loads(run_once(world, files).payload)
    assert body["errorType"] == "Runtime.InvalidEntrypoint"
    assert words in body["errorMessage"]


def test_bootstrap_that_is_no_program(world):
    """A file that the system cannot execute is told so."""
    function = world.program({"bootstrap": "\x00\x01"}, runtime="provided.al2023")
    Path(function.code_path, "bootstrap").chmod(0o755)
    body = json.loads(world.run(function).payload)
    assert body["errorType"] == "Runtime.InvalidEntrypoint"
    assert "Exec format error" in body["errorMessage"]


def test_bootstrap_of_a_layer(world, tmp_path):
    """Without one in the code, the later layer's program is run, in the folder of the code."""
    put_files(tmp_path / "one", bootstrap("def answer(event, headers): return 'one'"))
    put_files(tmp_path / "two", bootstrap("def answer(event, headers): return os.getcwd()"))
    layers = (str(tmp_path / "one"), str(tmp_path / "two"))
    function = world.program({"data": ""}, runtime="provided.al2023", layers=layers)
    assert json.loads(world.run(function).payload) == function.code_path


@pytest.mark.parametrize(
    ("size", "status"), [(6_291_556 - 2, "ok"), (6_291_556 - 1, "too-large"), (70 << 20, "exit")]
)
def test_response_size(world, size, status):
    """6 MB pass; what is above is refused with 413, and what no buffer may hold ends it."""
    files = {
        "bootstrap": program(f"""
            while True:
                id, _, event = get_next()
                status = 0
                try:
                    status = post(f"invocation/{{id}}/response", '"' + "x" * {size} + '"')[0]
                except OSError:
                    sys.exit(1)
                print("status", status, flush=True)
        """)
    }
    ran = run_once(world, files)
    assert ran.status == status
    if status == "too-large":
        assert json.loads(ran.payload)["errorType"] == "Function.ResponseSizeTooLarge"
        world.reactor.until(lambda: "status 413" in world.log())


def test_large_event(world):
    """An event of 6 MB reaches the runtime whole."""
    files = bootstrap("def answer(event, headers): return len(event)")
    assert run_once(world, files, b'"' + b"x" * 6_000_000 + b'"').payload == b"6000000"


def test_chunked_body_and_expectation(world):
    """A body in chunks, and one that waits for our word, are taken like any other."""
    files = {
        "bootstrap": program("""
            import socket
            for way in ("chunks", "expect"):
                id, _, event = get_next()
                path = f"/2018-06-01/runtime/invocation/{id}/response"
                host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
                sock = socket.create_connection((host, int(port)))
                head = f"POST {path} HTTP/1.1\\r\\nHost: {host}:{port}\\r\\n"
                if way == "chunks":
                    head += "Transfer-Encoding: chunked\\r\\n\\r\\n"
                    sock.sendall(head.encode())
                    for piece in (b'"chu', b'nks"', b""):
                        sock.sendall(b"%x\\r\\n%s\\r\\n" % (len(piece), piece))
                else:
                    head += "Expect: 100-continue\\r\\nContent-Length: 8\\r\\n\\r\\n"
                    sock.sendall(head.encode())
                    assert sock.recv(100).startswith(b"HTTP/1.1 100 ")
                    sock.sendall(b'"expect"')
                assert sock.recv(1000).startswith(b"HTTP/1.1 202 ")
                sock.close()
            get_next()
        """)
    }
    function = world.program(files, runtime="provided.al2023")
    assert [world.run(function).payload for _ in range(2)] == [b'"chunks"', b'"expect"']


PORT = bootstrap("""
    def answer(event, headers):
        return os.environ["AWS_LAMBDA_RUNTIME_API"]
""")


def ask(world, port: int, text: bytes) -> bytes:
    """Send bytes to the API and return what comes before it closes or goes silent."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setblocking(False)
        sock.sendall(text)
        answer = bytearray()

        def has_come() -> bool:
            try:
                data = sock.recv(65536)
            except BlockingIOError:
                world.reactor.turn(5)
                return False
            except OSError:
                return True
            answer.extend(data)
            return not data or b"\r\n\r\n" in answer

        world.reactor.until(has_come)
        return bytes(answer)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n", 404),
        (b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
        (b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n", 403),
        (b"GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://evil.example\r\n\r\n", 403),
        (b"GET / HTTP/1.1\r\nHost: {host}\r\nReferer: http://evil.example\r\n\r\n", 403),
        (b"GET / HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: cross-site\r\n\r\n", 403),
        (b"DELETE /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {host}\r\n\r\n", 405),
        (b"GET /2018-06-01/runtime/nonsense HTTP/1.1\r\nHost: {host}\r\n\r\n", 404),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000, 400),
    ],
)
def test_strangers_and_garbage(world, text, status):
    """Web pages, other names and nonsense are refused, and the function does not notice."""
    function = world.program(PORT, runtime="provided.al2023")
    address = json.loads(world.run(function).payload)
    answer = ask(world, int(address.split(":")[1]), text.replace(b"{host}", address.encode()))
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(world.run(function).payload) == address
    assert world.executor.describe()["environments"].keys() <= {"idle", "finishing"}


def test_answers_that_nobody_asked_for(world):
    """A response to another id is 400, a second one is 403, and only the first one counts."""
    files = {
        "bootstrap": program("""
            id, _, _ = get_next()
            seen = [post("invocation/other/response", "1")[0]]
            seen.append(ask("GET", "/2018-06-01/runtime/invocation/next")[0])
            seen.append(post(f"invocation/{id}/response", "2")[0])
            seen.append(post(f"invocation/{id}/response", "3")[0])
            seen.append(post(f"invocation/{id}/error", "{}")[0])
            seen.append(post("init/error", "{}")[0])
            id, _, _ = get_next()
            post(f"invocation/{id}/response", json.dumps(seen))
            get_next()
        """)
    }
    function = world.program(files, runtime="provided.al2023")
    assert world.run(function).payload == b"2"
    assert json.loads(world.run(function).payload) == [400, 403, 202, 403, 403, 403]


def test_runtime_that_leaves_after_its_answer(world):
    """An answer counts though its runtime ends at once; whoever came next is served by another."""
    files = {
        "bootstrap": program("""
            id, _, _ = get_next()
            post(f"invocation/{id}/response", str(os.getpid()))
            sys.exit(1)
        """)
    }
    function = world.program(files, runtime="provided.al2023")
    first, second = world.run(function), world.run(function)
    assert (first.status, second.status) == ("ok", "ok")
    assert first.payload != second.payload


def test_runtime_that_does_not_wait_for_our_word(world):
    """An answer that was sent counts, though its runtime is gone before we have read it."""
    files = {
        "bootstrap": program("""
            id, _, _ = get_next()
            path = f"/2018-06-01/runtime/invocation/{id}/response"
            api.request("POST", path, '"' + "x" * 2_000_000 + '"')
            os._exit(1)
        """)
    }
    function = world.program(files, runtime="provided.al2023")
    assert [len(world.run(function).payload) for _ in range(5)] == [2_000_002] * 5


def test_memory_used_is_the_programs_own(world):
    """What is told is the runtime's peak, without the process of ours that stands above it."""
    files = bootstrap("""
        def answer(event, headers):
            lines = open("/proc/self/status").read().splitlines()
            return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    """)
    ran = run_once(world, files)
    assert abs(ran.memory_mb * 1024 - int(ran.payload)) < 2048


def test_stream(world):
    """A response that streams is heard as it goes; without a listener it is one payload."""
    files = {
        "bootstrap": program("""
            while True:
                id, _, event = get_next()
                api.putrequest("POST", f"/2018-06-01/runtime/invocation/{id}/response")
                api.putheader("Transfer-Encoding", "chunked")
                api.putheader("Content-Type", "text/x")
                api.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
                api.endheaders()
                api.send(b"3\\r\\none\\r\\n")
                api.send(b"3\\r\\ntwo\\r\\n")
                if event == "fail":
                    api.send(b"0\\r\\nLambda-Runtime-Function-Error-Type: E\\r\\n")
                    api.send(b"Lambda-Runtime-Function-Error-Body: eyJhIjoxfQ==\\r\\n\\r\\n")
                else:
                    api.send(b"0\\r\\n\\r\\n")
                api.getresponse().read()
        """)
    }
    function = world.program(files, runtime="provided.al2023")
    heard: list[object] = []
    ran = world.run(function, b"{}", on_head=heard.append, on_chunk=heard.append)
    assert (heard, ran.payload, ran.streamed) == (["text/x", b"one", b"two"], b"", True)
    plain = world.run(function)
    assert (plain.payload, plain.streamed) == (b"onetwo", False)
    failed = world.run(function, b'"fail"', on_head=heard.append, on_chunk=heard.append)
    assert (failed.status, failed.payload, failed.streamed) == ("error", b'{"a":1}', True)


def test_surroundings(world):
    """The variables are AWS's, nothing of the server's is open, and the log has what is written."""
    files = bootstrap("""
        print("init", flush=True)
        def answer(event, headers):
            print("working", flush=True)
            return [dict(os.environ), sorted(os.listdir("/proc/self/fd"))]
    """)
    function = world.program(files, runtime="provided.al2023", variables={"MINE": "1"})
    ran = world.run(function)
    variables, descriptors = json.loads(ran.payload)
    assert variables["MINE"] == "1"
    assert variables["_HANDLER"] == "app.handler"
    assert variables["LAMBDA_TASK_ROOT"] == function.code_path
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_provided.al2023"
    assert "PYTHONUNBUFFERED" not in variables
    assert len(descriptors) <= 5  # three, its connection, and the folder that it lists
    assert b"working\n" in ran.log_tail
    assert "\ninit\n" in world.log()


def test_memory_over_the_limit(world):
    """A runtime that takes more than it may is killed, as on Lambda."""
    files = bootstrap("""
        def answer(event, headers):
            block = bytearray(200 << 20)
            for at in range(0, len(block), 4096):
                block[at] = 1
            time.sleep(event.get("sleep", 0))
            return 1
    """)
    function = world.program(files, runtime="provided.al2023", memory_mb=128)
    body = json.loads(world.run(function, b'{"sleep": 1000}').payload)
    assert body["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert world.run(function).status == "exit"  # found by its peak when it answers


def test_close_leaves_nothing(world):
    """The end of the server ends runtimes that work and that wait; no descriptor is left."""
    files = bootstrap("""
        def answer(event, headers):
            time.sleep(event.get("sleep", 0))
            return os.getpid()
    """)
    before = len(list(Path("/proc/self/fd").iterdir()))
    function = world.program(files, runtime="provided.al2023")
    pid = json.loads(world.run(function).payload)
    outcome = world.begin(function, b'{"sleep": 1000}')
    world.reactor.until(lambda: "busy" in world.executor.describe()["environments"])
    world.close()
    assert outcome[0].status == "exit"
    assert not Path(f"/proc/{pid}").exists()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    assert world.reactor.watched() == 0
