"""Small programs that speak the Runtime API and the Extensions API, and their files, for tests."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

HEAD = f"""\
#!{sys.executable} -IS
import http.client, json, os, signal, sys, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def ask(method, path, body=None, **headers):
    headers = {{name.replace("_", "-"): value for name, value in headers.items()}}
    api.request(method, path, body, headers)
    reply = api.getresponse()
    return reply.status, dict(reply.headers), reply.read()
def post(path, body, **headers):
    return ask("POST", "/2018-06-01/runtime/" + path, body, **headers)
def get_next():
    _, headers, body = ask("GET", "/2018-06-01/runtime/invocation/next")
    return headers["Lambda-Runtime-Aws-Request-Id"], headers, json.loads(body)
def register(events, name=None):
    name = name or os.path.basename(sys.argv[0])
    body = json.dumps({{"events": events}})
    return ask("POST", "/2020-01-01/extension/register", body, Lambda_Extension_Name=name)
def event_next(mark):
    path = "/2020-01-01/extension/event/next"
    return json.loads(ask("GET", path, Lambda_Extension_Identifier=mark)[2])
"""

LOOP = """\
while True:
    id, headers, event = get_next()
    post(f"invocation/{id}/response", json.dumps(answer(event, headers)))
"""


def program(code: str) -> str:
    """Return a program that begins with the functions above."""
    return HEAD + textwrap.dedent(code)


def bootstrap(answer: str) -> dict[str, str]:
    """Return the files of a custom runtime that answers with `answer(event, headers)`."""
    return {"bootstrap": program(answer) + "\n" + LOOP}


def extension(code: str, events: str = '["INVOKE", "SHUTDOWN"]') -> str:
    """Return an extension that registers and then does something with its `mark`."""
    begin = f'mark = register({events})[1]["Lambda-Extension-Identifier"]\n'
    return HEAD + begin + textwrap.dedent(code)


def put_files(folder: Path, files: dict[str, str]) -> Path:
    """Write files below a folder; what begins with #! can be executed."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        if path.read_bytes().startswith(b"#!"):
            path.chmod(0o755)
    return folder
