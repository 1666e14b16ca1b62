"""The functions that the workloads run, and how they get into a server."""

from __future__ import annotations

import base64
import io
import time
import zipfile

from bench.servers import Client

ECHO = """
def handler(event, context):
    return event
"""

CALLER = """
import boto3

sqs = boto3.client("sqs")

def handler(event, context):
    return event
"""

NOTHING = """
def handler(event, context):
    return None
"""

RECORDER = """
import os, time

FILE = os.open({path!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

def handler(event, context):
    now_ns = time.time_ns()
    lines = "".join(f"{{record['body']}} {{now_ns}}\\n" for record in event["Records"])
    os.write(FILE, lines.encode())
"""

ACTIVE_SECONDS_MAX = 20.0


def package(source: str) -> str:
    """Return a zip of one module, index.py, as base64."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.py", source)
    return base64.b64encode(file.getvalue()).decode()


def create_function(client: Client, name: str, source: str, *, runtime: str = "python3.11") -> None:
    """Create a function and wait until it is active."""
    client.lambda_(
        "POST",
        "/2015-03-31/functions",
        FunctionName=name,
        Runtime=runtime,
        Role="arn:aws:iam::000000000000:role/bench",
        Handler="index.handler",
        Timeout=10,
        MemorySize=256,
        Code={"ZipFile": package(source)},
    )
    deadline = time.monotonic() + ACTIVE_SECONDS_MAX
    while True:
        found = client.lambda_("GET", f"/2015-03-31/functions/{name}/configuration")
        if found.get("State", "Active") == "Active":
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not become active: {found}")
        time.sleep(0.002)
