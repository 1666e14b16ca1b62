"""Run seeds; tell of the one that fails so that it can be played again."""

from __future__ import annotations

from typing import NamedTuple

from redrive.sim.events_world import EventsWorld
from redrive.sim.world import World

STEPS_DEFAULT = 150
EVENTS_STEPS_DEFAULT = 60


class Failure(NamedTuple):
    """A seed that found something."""

    seed: int
    step: int
    error: BaseException
    trace: tuple[str, ...]
    option: str = ""

    def told(self, steps: int) -> str:
        """Return what a person needs: the invariant, the last events, and the command."""
        events = "\n".join("    " + line[:400] for line in self.trace)
        return (
            f"seed {self.seed} fails in step {self.step}\n  {self.error!r}\n  the last events"
            f" (step, virtual ms, event):\n{events}\n"
            f"  again: python -m redrive.sim{self.option} --start {self.seed} --seeds 1"
            f" --steps {steps}"
        )


def play(seed: int, steps: int | None = None, *, is_of_events: bool = False) -> str | Failure:
    """Play one seed; return its trace's hash, or how it failed."""
    if steps is None:
        steps = EVENTS_STEPS_DEFAULT if is_of_events else STEPS_DEFAULT
    kind = EventsWorld if is_of_events else World
    world = kind(seed, f"seed-{seed}")
    try:
        return world.play(steps)
    except Exception as error:  # noqa: BLE001 - whatever it is, the seed must be told with it
        option = " --events" if is_of_events else ""
        return Failure(seed, world.steps, error, tuple(world.trace), option)
    finally:
        world.close()
