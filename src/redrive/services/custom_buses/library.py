"""The library jsonata-python, loaded without what it does to the process: it sets Python's limit of
recursion to 10,000, which everything else here would have to live with.
"""

from __future__ import annotations

import sys

_RECURSION_LIMIT = sys.getrecursionlimit()

from jsonata.functions import Functions  # noqa: E402 - after the limit has been read
from jsonata.jexception import JException  # noqa: E402
from jsonata.jsonata import Jsonata  # noqa: E402
from jsonata.utils import Utils  # noqa: E402

sys.setrecursionlimit(_RECURSION_LIMIT)

__all__ = ["Functions", "JException", "Jsonata", "Utils"]
