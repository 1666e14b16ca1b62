"""The SDK that AWS's Python runtimes bring along, offered to functions that bring none.

The folder holds links to boto3 and what it needs, and nothing else of ours: no function may find
Redrive's own packages by accident.
AWS: Lambda Developer Guide, "Python", on the SDK included in the runtime.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")


def offer_sdk(folder: Path) -> Path | None:
    """Fill `folder` with links to the SDK and return it; None when boto3 is not installed."""
    found = {name: spec.origin for name in PACKAGES if (spec := find_spec(name)) and spec.origin}
    if "boto3" not in found:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    for name, origin in found.items():
        target = Path(origin)
        is_package = target.name == "__init__.py"
        link = folder / (name if is_package else target.name)
        source = target.parent if is_package else target
        if link.is_symlink() and os.readlink(link) == str(source):  # noqa: PTH115 - the text itself
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(source)
    return folder
