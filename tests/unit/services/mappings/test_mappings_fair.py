"""A mapping of a standard queue with message groups: its poller receives as everybody does."""

from __future__ import annotations

import json

from mappings_world import World

from redrive.core.effects import Ran


def test_quiet_tenants_are_invoked_next(world: World) -> None:
    """Forty noisy messages are with the function; of what waits, two quiet ones come first."""
    world.queue(VisibilityTimeout=300)
    world.function(Timeout=30)
    world.scripts["worker"] = lambda _event: None
    world.send(*(f"noisy-{n}" for n in range(80)), MessageGroupId="noisy")
    world.map(ScalingConfig={"MaximumConcurrency": 4})
    assert [len(batch) for batch in world.events()] == [10] * 4
    world.send("quiet-0", "quiet-1", MessageGroupId="quiet")
    (run, *_others) = world.runs
    records = json.loads(run.event)["Records"]
    assert {record["attributes"]["MessageGroupId"] for record in records} == {"noisy"}
    for _ in range(3):
        world.held.pop(0)(Ran(b"null"))
        world.settle()
    batches = world.events()[4:]
    assert batches[0][:2] == ["quiet-0", "quiet-1"]
    assert sum(body.startswith("noisy") for batch in batches for body in batch) >= 18
