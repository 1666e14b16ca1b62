"""Packages of functions and layers: from a request into the code store. Runs beside the loop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redrive.core.effects import Reply
from redrive.services.functions.code import UNZIPPED_BYTES_MAX, Code
from redrive.services.functions.labels import refuse_unsupported
from redrive.services.functions.model import Function
from redrive.services.functions.refusals import invalid
from redrive.services.functions.room import Functions, code_of

LOCAL_BUCKET = "redrive-local"
"""Not a bucket: S3Key is then an absolute path of this machine, to a directory or a zip file.
Whoever may create functions runs code here anyway, so this opens nothing."""

CODE_TOPIC = "lambda:code"
"""Woken when code may have lost its last reference."""


def made(reply: Reply) -> Code:
    """Return what `store_package` made, or raise what it raised."""
    if reply.error is not None:
        raise reply.error
    code: Code = reply.made
    return code


def store_code(
    room: Functions, code: Mapping[str, Any], function: Function, *, dry_run: bool = False
) -> Code:
    """Store a function's package; with the layers that the function has, it may be too large."""
    stored = store_package(room, code, dry_run=dry_run)
    if not dry_run:
        check_unpacked(room, function._replace(code_hash=stored.hash))
    return stored


def check_unpacked(room: Functions, function: Function) -> None:
    """Refuse a function that is larger with its layers than one may be.

    AWS: Lambda quotas, "Deployment package": 250 MB unzipped, layers included.
    """
    hashes = code_of(function)
    if len(hashes) == 1:
        return
    size_bytes = sum(room.code.unpacked_bytes(code_hash) for code_hash in hashes)
    if size_bytes > UNZIPPED_BYTES_MAX:
        raise invalid(
            "Function code combined with layers exceeds the maximum allowed size of "
            f"{UNZIPPED_BYTES_MAX} bytes. The actual size is {size_bytes} bytes."
        )


def store_package(room: Functions, code: Mapping[str, Any], *, dry_run: bool = False) -> Code:
    """Put the package that a request brings or names into the store, before its row is written."""
    refuse_unsupported(code)
    package, bucket, key = code.get("ZipFile"), code.get("S3Bucket"), code.get("S3Key")
    if package is not None:
        if bucket or key:
            raise invalid(
                "Please do not provide other FunctionCode parameters when providing a ZipFile."
            )
        return room.code.put_zip(package, dry_run=dry_run)
    if not bucket or not key:
        raise invalid("Please provide a source for function code.")
    if bucket != LOCAL_BUCKET:
        raise invalid(
            "Error occurred while GetObject. S3 Error Code: NoSuchBucket. "
            "S3 Error Message: The specified bucket does not exist"
        )
    source = Path(key)
    if not source.is_absolute():
        raise invalid(f"S3Key must be an absolute path when S3Bucket is {LOCAL_BUCKET}.")
    return room.code.put_local(source, dry_run=dry_run)
