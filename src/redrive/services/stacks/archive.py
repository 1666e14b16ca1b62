"""Zip files that depend on their content only: sorted, one timestamp, the modes that matter."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say


def zip_bytes(files: Iterable[tuple[str, bytes, bool]]) -> bytes:
    """Return a zip of (path with slashes, content, is executable), the same for any order."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, executable in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix: the modes are read
            entry.external_attr = (0o100755 if executable else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return target.getvalue()


def inline_zip(source: str, runtime: str) -> bytes:
    """Return the zip that CloudFormation makes of inline code: one file named index.

    AWS: AWS::Lambda::Function Code, "ZipFile" (Node.js and Python only).
    """
    extension = "mjs" if runtime.startswith("nodejs") and _is_module(source) else "js"
    name = f"index.{extension}" if runtime.startswith("nodejs") else "index.py"
    return zip_bytes([(name, source.encode(), False)])


def _is_module(source: str) -> bool:
    return any(line.startswith(("import ", "export ")) for line in source.splitlines())
