"""Physical names for resources that a template does not name.

<stack>-<logical id>-<12 letters and digits>, as CloudFormation makes them, but repeatable: the end
comes from the stack, the logical id, a seed and the count of replacements, so that a crash in the
middle of a deployment meets its own names again and not new ones.
AWS: CloudFormation User Guide, "Name type".
"""

from __future__ import annotations

import base64
import hashlib

SUFFIX_LENGTH = 12


def suffix(stack_id: str, logical_id: str, seed: int, generation: int) -> str:
    """Return twelve letters and digits that belong to this resource of this stack alone."""
    text = "\0".join((stack_id, logical_id, str(seed), str(generation)))
    digest = hashlib.sha256(text.encode()).digest()
    return base64.b32encode(digest).decode()[:SUFFIX_LENGTH]


def physical_name(
    stack: str, logical_id: str, end: str, length_max: int, extension: str = ""
) -> str:
    """Return a name of at most length_max characters, extension (`.fifo`) included.

    The stack's and the resource's names are cut when there is no room, each to half of it at worst.
    """
    room = length_max - len(end) - len(extension) - 2
    assert room >= 2, "a name needs room for both parts"
    if len(stack) + len(logical_id) > room:
        half = room // 2
        kept = max(half, room - len(logical_id))
        stack = stack[:kept]
        logical_id = logical_id[: room - len(stack)]
    return f"{stack}-{logical_id}-{end}{extension}"
