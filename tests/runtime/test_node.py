"""Node.js functions: handlers in both module systems, the ways to answer, errors, logs, layers."""

from __future__ import annotations

import json
import os
import re

import pytest
from bootstraps import put_files

from redrive.runtime.nodes import find_nodes
from redrive.runtime.process import ask_version

NODES = find_nodes(dict(os.environ), ask_version)
RUNTIME = f"nodejs{NODES[-1].minor}.x" if NODES else "nodejs20.x"
OLD = "nodejs20.x"

pytestmark = pytest.mark.skipif(not NODES, reason="no Node.js 18 or later here")


def node(world, files, *, runtime=OLD, handler="index.handler", **more):
    """Return the environment of a Node.js function."""
    if isinstance(files, str):
        files = {"index.js": files}
    return world.program(files, runtime=runtime, handler=handler, **more)


def test_many_invocations_one_environment(world):
    """A module is loaded once, its globals live on, and one process serves all."""
    function = node(
        world,
        """
        let count = 0;
        exports.handler = async (event) => [event.n, ++count, process.pid];
        """,
    )
    answers = [json.loads(world.run(function, b'{"n": %d}' % n).payload) for n in range(50)]
    assert [each[:2] for each in answers] == [[n, n + 1] for n in range(50)]
    assert len({each[2] for each in answers}) == 1


CJS = "exports.handler = async () => 'cjs:' + typeof require;"
ESM = "const m = await import('node:os'); export const handler = async () => 'esm:' + typeof m.EOL;"
PACKAGE = '{"type": "module"}'


@pytest.mark.parametrize(
    ("files", "handler", "answer"),
    [
        ({"index.js": CJS}, "index.handler", "cjs:function"),
        ({"index.cjs": CJS, "package.json": PACKAGE}, "index.handler", "cjs:function"),
        ({"index.mjs": ESM}, "index.handler", "esm:string"),
        ({"index.js": ESM, "package.json": PACKAGE}, "index.handler", "esm:string"),
        ({"src/a/b.mjs": ESM}, "src/a/b.handler", "esm:string"),
        ({"src/a.js": ESM, "src/package.json": PACKAGE}, "src/a.handler", "esm:string"),
        ({"node_modules/pkg/index.js": CJS}, "pkg.handler", "cjs:function"),
        ({"index.js": "exports.a = {b: async () => 'deep'}"}, "index.a.b", "deep"),
    ],
)
def test_modules(world, files, handler, answer):
    """CommonJS and ES modules are found by extension and package.json, in folders too."""
    function = node(world, files, handler=handler)
    assert json.loads(world.run(function).payload) == answer


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("async () => ({a: 1})", {"a": 1}),
        ("async () => {}", None),
        ("() => Promise.resolve('p')", "p"),
        ("(event, context, callback) => callback(null, 'c')", "c"),
        ("(event, context, callback) => setTimeout(callback, 5, null, 'later')", "later"),
        ("(event, context) => { context.succeed('s') }", "s"),
        ("(event, context) => { context.done(null, 'd') }", "d"),
        ("() => 'ignored'", None),
        ("(event, context, callback) => {}", None),
    ],
)
def test_ways_to_answer(world, code, answer):
    """A promise, a callback and the context's functions answer; who does none of it says null."""
    function = node(world, f"exports.handler = {code};")
    assert json.loads(world.run(function).payload) == answer
    assert json.loads(world.run(function).payload) == answer


def test_callback_waits_for_the_event_loop(world):
    """A callback's answer comes when nothing is left to do, or at once if the context says so."""
    function = node(
        world,
        """
        let done = 0;
        exports.handler = (event, context, callback) => {
            context.callbackWaitsForEmptyEventLoop = event.waits;
            setTimeout(() => { done += 1 }, 150);
            callback(null, { get done() { return done; } });
        };
        """,
    )
    assert json.loads(world.run(function, b'{"waits": false}').payload) == {"done": 0}
    waited = json.loads(world.run(function, b'{"waits": true}').payload)
    assert waited["done"] >= 1


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("async () => { throw new TypeError('boom') }", "TypeError", "boom"),
        ("() => { throw new Error('sync') }", "Error", "sync"),
        ("(e, c, callback) => callback(new RangeError('cb'))", "RangeError", "cb"),
        ("(e, context) => { context.fail(new Error('f')) }", "Error", "f"),
        ("async () => { throw 'text' }", "string", "text"),
        ("async () => BigInt(1)", "Error", "Unable to stringify response body"),
        (
            "async () => new Promise(() => {})",
            "Runtime.NodeJsExit",
            "The Lambda runtime client detected an unexpected Node.js exit code. This is most"
            " likely caused by a Promise that was never settled. For more information, see"
            " https://nodejs.org/docs/latest/api/process.html#exit-codes",
        ),
    ],
)
def test_errors(world, code, kind, message):
    """An error is told with AWS's members, and the environment goes on."""
    function = node(world, f"let n = 0;\nconst h = {code};\nexports.handler = h;")
    for _ in range(2):
        ran = world.run(function)
        body = json.loads(ran.payload)
        assert (ran.status, ran.error) == ("error", "Unhandled")
        assert list(body) == ["errorType", "errorMessage", "trace"]
        assert (body["errorType"], body["errorMessage"]) == (kind, message)
    assert "ERROR\tInvoke Error \t" in world.log()
    if kind == "TypeError":
        assert body["trace"][0] == "TypeError: boom"
        assert f"{function.code_path}/index.js:2:" in body["trace"][1]


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        (
            "async () => { Promise.reject(new Error('lost')); await new Promise(() => {}) }",
            "Runtime.UnhandledPromiseRejection",
            "Error: lost",
        ),
        ("(e, c, cb) => { setTimeout(() => { throw new Error('out') }, 1) }", "Error", "out"),
    ],
)
def test_what_nobody_catches(world, code, kind, message):
    """An unhandled rejection and an uncaught exception are the answer, and end the process."""
    function = node(world, f"exports.handler = {code};")
    ran = world.run(function)
    body = json.loads(ran.payload)
    assert (ran.status, body["errorType"], body["errorMessage"]) == ("error", kind, message)
    world.reactor.until(lambda: not world.executor.describe()["environments"])


@pytest.mark.parametrize(
    ("files", "handler", "kind", "words"),
    [
        ({"a.js": CJS}, "index.handler", "Runtime.ImportModuleError", "Cannot find module 'index'"),
        ({"index.js": CJS}, "index.other", "Runtime.HandlerNotFound", "index.other is undefined"),
        ({"index.js": CJS}, "index", "Runtime.MalformedHandlerName", "Bad handler"),
        ({"index.js": CJS}, "../index.handler", "Runtime.MalformedHandlerName", "'../index.h"),
        (
            {"index.js": "exports.handler = 1"},
            "index.handler",
            "Runtime.HandlerNotFound",
            "not a f",
        ),
        ({"index.js": "let ="}, "index.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: "),
        ({"index.mjs": "let ="}, "index.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: "),
        (
            {"index.js": "require('@aws-sdk/client-sqs'); exports.handler = 1"},
            "index.handler",
            "Runtime.ImportModuleError",
            "The AWS SDK for JavaScript is neither",
        ),
        (
            {"index.mjs": "import '@aws-sdk/client-sqs'; export const handler = 1"},
            "index.handler",
            "Runtime.ImportModuleError",
            "The AWS SDK for JavaScript is neither",
        ),
        ({"index.js": "throw new RangeError('init')"}, "index.handler", "RangeError", "init"),
    ],
)
def test_init_errors(world, files, handler, kind, words):
    """What is wrong with a handler's module is told with AWS's types."""
    ran = world.run(node(world, files, handler=handler))
    body = json.loads(ran.payload)
    assert (ran.status, body["errorType"]) == ("init-error", kind)
    assert words in body["errorMessage"]
    assert "\tundefined\tERROR\tUncaught Exception \t{" in world.log()


def test_callbacks_are_gone_from_24_on(world):
    """A handler with a callback is AWS's error under nodejs24.x, and other ways go on."""
    files = {
        "index.js": """
        exports.old = (e, c, cb) => cb();
        exports.new = (e, c) => Object.keys(c).length;
        """
    }
    old = node(world, files, runtime="nodejs24.x", handler="index.old")
    assert json.loads(world.run(old).payload)["errorType"] == "Runtime.CallbackHandlerDeprecated"
    new = node(world, files, runtime="nodejs24.x", handler="index.new", revision="2")
    assert world.run(new).payload == b"10"


def test_context_and_variables(world):
    """The context has AWS's members, the process AWS's variables."""
    function = node(
        world,
        """
        exports.handler = async (event, context) => {
            const left = context.getRemainingTimeInMillis();
            return {...context, left, env: process.env, cwd: process.cwd()};
        };
        """,
        variables={"MINE": "1"},
    )
    answer = json.loads(
        world.run(
            function,
            trace="Root=1",
            invoked_arn=f"{function.function_arn}:live",
            client_context=b'{"custom": 1}',
        ).payload
    )
    assert answer["awsRequestId"] == "request-1"
    assert answer["invokedFunctionArn"] == f"{function.function_arn}:live"
    assert answer["functionName"] == "f"
    assert answer["functionVersion"] == "$LATEST"
    assert answer["memoryLimitInMB"] == "512"
    assert answer["logGroupName"] == "/aws/lambda/f"
    assert answer["logStreamName"] == answer["env"]["AWS_LAMBDA_LOG_STREAM_NAME"]
    assert answer["clientContext"] == {"custom": 1}
    assert answer["callbackWaitsForEmptyEventLoop"] is True
    assert 0 < answer["left"] <= function.timeout_ms
    assert answer["env"]["_X_AMZN_TRACE_ID"] == "Root=1"
    assert answer["env"]["MINE"] == "1"
    assert answer["cwd"] == function.code_path


def test_log_lines(world):
    """What is written by console has time, request id, level and message, by tabs."""
    function = node(
        world,
        """
        console.log("early");
        exports.handler = async () => {
            console.log("a %d", 1, {b: 2});
            console.warn("w"); console.error("e"); console.debug("d"); console.info("two\\nlines");
            process.stdout.write("plain\\n");
        };
        """,
    )
    ran = world.run(function)
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    lines = ran.log_tail.decode().split("\n")
    told = [re.sub(stamp, "T", line) for line in lines[1:8]]
    assert told == [
        "T\trequest-1\tINFO\ta 1 { b: 2 }",
        "T\trequest-1\tWARN\tw",
        "T\trequest-1\tERROR\te",
        "T\trequest-1\tDEBUG\td",
        "T\trequest-1\tINFO\ttwo",
        "lines",
        "plain",
    ]
    assert re.search(stamp + "\tundefined\tINFO\tearly\n", world.log())


def test_timeout_and_exit(world):
    """A handler that never ends times out; one that exits is told with its status."""
    function = node(
        world,
        """
        exports.handler = async (event) => {
            if (event.exit) process.exit(5);
            for (;;) {}
        };
        """,
        timeout_ms=600,
    )
    body = json.loads(world.run(function).payload)
    assert body["errorMessage"].endswith("Task timed out after 0.60 seconds")
    body = json.loads(world.run(function, b'{"exit": true}').payload)
    assert body["errorMessage"].endswith("Runtime exited with error: exit status 5")


def test_large_payloads(world):
    """6 MB pass both ways, and a byte more is refused without harm."""
    function = node(
        world, "exports.handler = async (event) => event.text + '!'.repeat(event.more);"
    )
    text = "x" * 6_000_000
    event = json.dumps({"text": text, "more": 1}).encode()
    assert len(world.run(function, event).payload) == 6_000_003
    event = json.dumps({"text": text, "more": 300_000}).encode()
    assert world.run(function, event).status == "too-large"
    assert world.run(function, b'{"text": "a", "more": 1}').payload == b'"a!"'


@pytest.mark.parametrize("name", ["index.js", "index.mjs"])
def test_layers_and_the_offered_sdk(world, tmp_path, name):
    """Modules of layers and the SDK that is offered are found by both kinds of modules."""
    major = NODES[-1].minor
    package = '{"name": "x", "main": "main.js"}'
    put_files(
        tmp_path / "one",
        {
            "nodejs/node_modules/shared/package.json": package,
            "nodejs/node_modules/shared/main.js": "exports.name = 'one';",
            f"nodejs/node{major}/node_modules/own/package.json": package,
            f"nodejs/node{major}/node_modules/own/main.js": "exports.name = 'versioned';",
        },
    )
    put_files(
        tmp_path / "two",
        {
            "nodejs/node_modules/shared/package.json": package,
            "nodejs/node_modules/shared/main.js": "exports.name = 'two';",
        },
    )
    put_files(
        tmp_path / "sdk",
        {
            "node_modules/@aws-sdk/client-x/package.json": package,
            "node_modules/@aws-sdk/client-x/main.js": "exports.name = 'sdk';",
        },
    )
    world.knobs["node_sdk_path"] = tmp_path / "sdk"
    wanted = ("shared", "own", "@aws-sdk/client-x")
    if name == "index.js":
        lines = [f"const m{n} = require('{each}');" for n, each in enumerate(wanted)]
        lines.append("exports.handler = async () => [m0.name, m1.name, m2.name];")
    else:
        lines = [f"import m{n} from '{each}';" for n, each in enumerate(wanted)]
        lines.append("export const handler = async () => [m0.name, m1.name, m2.name];")
    function = node(
        world,
        {name: "\n".join(lines)},
        runtime=RUNTIME,
        layers=(str(tmp_path / "one"), str(tmp_path / "two")),
    )
    assert json.loads(world.run(function).payload) == ["two", "versioned", "sdk"]


def test_streaming(world):
    """awslambda.streamifyResponse streams to whoever listens, with its prelude and its errors."""
    function = node(
        world,
        """
        exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
            if (event.early) throw new Error("early");
            const meta = {statusCode: 201};
            if (event.http) stream = awslambda.HttpResponseStream.from(stream, meta);
            else stream.setContentType("text/plain");
            stream.write("one");
            if (event.late) throw new Error("late");
            stream.end("two");
        });
        """,
    )
    heard: list[object] = []
    ran = world.run(function, b"{}", on_head=heard.append, on_chunk=heard.append)
    assert (ran.streamed, heard[0], b"".join(heard[1:])) == (True, "text/plain", b"onetwo")
    heard.clear()
    ran = world.run(function, b'{"http": 1}', on_head=heard.append, on_chunk=heard.append)
    assert heard[0] == "application/vnd.awslambda.http-integration-response"
    assert b"".join(heard[1:]) == b'{"statusCode":201}' + bytes(8) + b"onetwo"
    assert world.run(function).payload == b"onetwo"
    early = world.run(function, b'{"early": 1}', on_head=heard.append, on_chunk=heard.append)
    assert (early.streamed, json.loads(early.payload)["errorMessage"]) == (False, "early")
    late = world.run(function, b'{"late": 1}', on_head=heard.append, on_chunk=heard.append)
    assert (late.streamed, json.loads(late.payload)["errorMessage"]) == (True, "late")
    assert world.run(function).payload == b"onetwo"
