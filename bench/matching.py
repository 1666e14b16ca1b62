"""`python -m bench.matching RULES`: how many events a second one core matches against an index.

A process of its own, so that the modules are those that are measured (compiled or not). An event
begins as the JSON text that PutEvents has and ends as the names of the rules that it matches.

The mix is meant to be a company's: services with events of some kinds each, most rules for one kind
of one service, and on top of that a condition; some for a whole family of services; a few that look
for one order whatever sends it.
"""

from __future__ import annotations

import json
import sys
import time
from random import Random
from typing import Any

import orjson

from redrive.core.patterns import Pattern, compile_pattern
from redrive.core.patterns_index import PatternIndex

EVENTS = 5_000
TURNS = 5
SERVICES = 50
KINDS = 20
REGIONS = 30


def make_pattern(n: int, chance: Random) -> dict[str, Any]:
    """Return the pattern of a rule."""
    source, kind = f"com.shop.service{n % SERVICES}", f"Kind {chance.randrange(KINDS)}"
    plain: dict[str, Any] = {"source": [source], "detail-type": [kind]}
    drawn = n % 10
    if drawn == 1:
        region = f"region-{chance.randrange(REGIONS)}"
        return {"source": [{"prefix": source}], "detail": {"region": [region]}}
    if drawn == 2:
        return {"detail": {"order": {"id": [f"o-{n}"]}}}
    if drawn == 3:
        either = [
            {"detail": {"amount": [{"numeric": ["<", 10]}]}},
            {"detail": {"status": ["lost"]}},
        ]
        return {**plain, "$or": either}
    conditions: dict[int, dict[str, Any]] = {
        4: {"amount": [{"numeric": [">", chance.randrange(1_000)]}]},
        5: {"status": [{"anything-but": ["done", f"s{n}"]}]},
        6: {"key": [{"wildcard": f"folder{chance.randrange(40)}/*.png"}]},
        7: {"customer": {"tier": ["gold", "silver"]}, "coupon": [{"exists": False}]},
        8: {"lines": {"sku": ["a", "b"], "count": [{"numeric": [">=", 2]}]}},
    }
    return {**plain, "detail": conditions[drawn]} if drawn in conditions else plain


def make_event(rules: int, chance: Random) -> dict[str, Any]:
    """Return an event; one service in six has no rules."""
    skus = [{"sku": chance.choice("abcdef"), "count": chance.randrange(4)} for _ in range(3)]
    detail = {
        "order": {"id": f"o-{chance.randrange(rules)}", "note": "x" * 40},
        "lines": skus,
        "amount": chance.randrange(1_000),
        "status": chance.choice(("new", "paid", "done", "lost")),
        "key": f"folder{chance.randrange(60)}/image.png",
        "region": f"region-{chance.randrange(40)}",
        "customer": {"tier": chance.choice(("gold", "silver", "bronze")), "id": 5},
    }
    if chance.random() < 0.5:
        detail["coupon"] = "ten"
    return {
        "version": "0",
        "id": f"{chance.getrandbits(128):032x}",
        "detail-type": f"Kind {chance.randrange(KINDS)}",
        "source": f"com.shop.service{chance.randrange(SERVICES * 6 // 5)}",
        "account": "000000000000",
        "time": "2026-11-21T09:30:00Z",
        "region": "us-east-1",
        "resources": ["arn:aws:s3:::bucket"],
        "detail": detail,
    }


def measure(rules: int) -> dict[str, float]:
    """Return events a second of CPU time: of the mix, and of events that no rule asks for."""
    chance = Random(1)
    patterns: dict[str, Pattern] = {
        f"rule-{n}": compile_pattern(json.dumps(make_pattern(n, chance))) for n in range(rules)
    }
    began = time.process_time()
    index = PatternIndex(patterns)
    build_s = time.process_time() - began
    events = [make_event(rules, chance) for _ in range(EVENTS)]
    strangers = [
        {**event, "source": "com.other", "detail": {"status": "new", "amount": 5}}
        for event in events
    ]
    matching = sum(len(index.matching(event)) for event in events)
    return {
        "per_second": _rate(index, events),
        "strangers_per_second": _rate(index, strangers),
        "matching": matching / EVENTS,
        "build_s": build_s,
    }


def _rate(index: PatternIndex[str], events: list[dict[str, Any]]) -> float:
    """Return the best of some turns: what else the machine does only ever slows one."""
    texts = [orjson.dumps(event) for event in events]
    best = 0.0
    for _ in range(TURNS):
        began = time.process_time()
        for text in texts:
            index.matching(orjson.loads(text))
        best = max(best, len(texts) / (time.process_time() - began))
    return best


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
