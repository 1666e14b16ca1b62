"""The log of one environment: lines, caps and the tail, as values. No pipes, no files.

Invariants:
1. At most `kept_max` bytes of one invocation (or of one stretch between two) are given on; what
   comes after is counted, and the count is told in a line of its own when the invocation ends.
2. The tail is the last 4 KiB of all that was written, also of what was not given on.
3. Text is given on in whole lines, except at the end of an invocation and where a line is longer
   than `LINE_BYTES_MAX`; what is not UTF-8 is replaced, never refused.
"""

from __future__ import annotations

import codecs

TAIL_BYTES_MAX = 4096
"""AWS: API_Invoke, X-Amz-Log-Result: "The last 4 KB of the execution log"."""

LINE_BYTES_MAX = 65_536


class Journal:
    """Turn what an environment writes into text for the log and a tail for the caller."""

    def __init__(self, kept_max: int) -> None:
        self._kept_max = kept_max
        self._tail = bytearray()
        self._partial = ""
        self._kept = 0
        self._dropped = 0
        self._is_line_open = False  # the last text given on had no end of line
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def is_flooded(self) -> bool:
        """Tell whether more has come than is kept."""
        return self._dropped > 0

    def write(self, data: bytes) -> str:
        """Take what was read from the pipe; return the whole lines to give on, perhaps none."""
        self._tail += data
        if len(self._tail) > TAIL_BYTES_MAX:
            del self._tail[:-TAIL_BYTES_MAX]
        room = self._kept_max - self._kept
        if len(data) > room:
            self._dropped += len(data) - max(room, 0)
            data = data[: max(room, 0)]
        self._kept += len(data)
        text = self._partial + self._decoder.decode(data)
        end = text.rfind("\n") + 1
        if not end and len(text) > LINE_BYTES_MAX:
            end = len(text)
        self._partial = text[end:]
        if end:
            self._is_line_open = text[end - 1] != "\n"
        return text[:end]

    def note(self, line: str) -> str:
        """Add a line of the platform, which is always kept, after what was written before it."""
        before = self.flush()
        if self._is_line_open:
            before += "\n"
            self._tail += b"\n"
            self._is_line_open = False
        self._tail += line.encode()
        if len(self._tail) > TAIL_BYTES_MAX:
            del self._tail[:-TAIL_BYTES_MAX]
        return before + line

    def flush(self) -> str:
        """Return what is left, an unfinished line and the count of what was dropped."""
        text = self._partial + self._decoder.decode(b"", True)
        self._decoder.reset()
        self._partial = ""
        if text:
            self._is_line_open = not text.endswith("\n")
        if self._dropped:
            if self._is_line_open:
                text += "\n"
                self._is_line_open = False
            text += f"[redrive] {self._dropped} bytes of this log were not kept\n"
        self._kept = 0
        self._dropped = 0
        return text

    def tail(self) -> bytes:
        """Return the last 4 KiB since the last call to `begin`."""
        return bytes(self._tail)

    def begin(self) -> None:
        """Forget the tail: an invocation starts."""
        self._tail.clear()
