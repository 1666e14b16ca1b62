"""The life of an environment as a table, and the words for its end."""

from __future__ import annotations

import pytest

from redrive.runtime.lifecycle import ENDING, TABLE, Event, State, Verdict, exit_reason, turn


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_every_event_has_a_meaning_in_every_state(state: State, event: Event) -> None:
    """The table is total, the dead stay dead, and the dying only die."""
    after = turn(state, event)
    if state is State.DEAD:
        assert (after.state, after.verdict, after.kill) == (State.DEAD, Verdict.NONE, False)
    if state in ENDING:
        assert after.state in (state, State.DEAD)


@pytest.mark.parametrize("state", [state for state in State if state not in ENDING])
@pytest.mark.parametrize("event", [Event.EXIT, Event.LOST])
def test_an_end_is_an_end(state: State, event: Event) -> None:
    """Whatever an environment was doing, once its process is gone it is dead."""
    assert turn(state, event).state is State.DEAD


@pytest.mark.parametrize(("state", "event"), list(TABLE))
def test_who_is_killed_is_ending(state: State, event: Event) -> None:
    """Only an environment on its way out is killed, and only a dead or dying one ends its work."""
    after = TABLE[state, event]
    if after.kill:
        assert after.state in ENDING
    if after.verdict in (Verdict.TIMED_OUT, Verdict.EXITED, Verdict.INIT_FAILED, Verdict.AGAIN):
        assert after.state in ENDING
    if after.verdict in (Verdict.ANSWER, Verdict.ANSWER_ERROR, Verdict.ANSWER_TOO_LARGE):
        asks_for_more = event.value.startswith("replied")
        assert after.state is (State.FINISHING if asks_for_more else State.IDLE)


STORIES = {
    "a cold invocation": (
        [Event.FORKED, Event.READY, Event.INVOKE, Event.RESPONSE],
        [Verdict.NONE, Verdict.SERVE, Verdict.NONE, Verdict.ANSWER],
        State.IDLE,
    ),
    "a child that is ready before its parent says that it exists": (
        [Event.READY, Event.INVOKE, Event.FORKED, Event.FAILURE],
        [Verdict.SERVE, Verdict.NONE, Verdict.NONE, Verdict.ANSWER_ERROR],
        State.IDLE,
    ),
    "the same, and the word comes while it is idle": (
        [Event.READY, Event.FORKED, Event.INVOKE],
        [Verdict.SERVE, Verdict.NONE, Verdict.NONE],
        State.BUSY,
    ),
    "a timeout": (
        [Event.FORKED, Event.READY, Event.INVOKE, Event.DEADLINE, Event.BROKEN, Event.EXIT],
        [
            Verdict.NONE,
            Verdict.SERVE,
            Verdict.NONE,
            Verdict.TIMED_OUT,
            Verdict.NONE,
            Verdict.EXITED,
        ],
        State.DEAD,
    ),
    "a crash while it works": (
        [Event.FORKED, Event.READY, Event.INVOKE, Event.BROKEN, Event.EXIT],
        [Verdict.NONE, Verdict.SERVE, Verdict.NONE, Verdict.NONE, Verdict.EXITED],
        State.DEAD,
    ),
    "a crash while it imports": (
        [Event.FORKED, Event.BROKEN, Event.EXIT],
        [Verdict.NONE, Verdict.NONE, Verdict.INIT_FAILED],
        State.DEAD,
    ),
    "a crash that is seen before the fork": (
        [Event.BROKEN, Event.FORKED, Event.EXIT],
        [Verdict.NONE, Verdict.NONE, Verdict.INIT_FAILED],
        State.DEAD,
    ),
    "a fork that is refused": ([Event.EXIT], [Verdict.AGAIN], State.DEAD),
    "an answer that nobody asked for": (
        [Event.FORKED, Event.READY, Event.RESPONSE],
        [Verdict.NONE, Verdict.SERVE, Verdict.NONE],
        State.DYING,
    ),
    "a program that speaks HTTP": (
        [Event.FORKED, Event.READY, Event.INVOKE, Event.REPLIED, Event.NEXT, Event.INVOKE],
        [
            Verdict.NONE,
            Verdict.SERVE,
            Verdict.NONE,
            Verdict.ANSWER,
            Verdict.SERVE,
            Verdict.NONE,
        ],
        State.BUSY,
    ),
    "a program that ends while it works, and its extension after it": (
        [Event.FORKED, Event.READY, Event.INVOKE, Event.ENDED, Event.EXIT],
        [Verdict.NONE, Verdict.SERVE, Verdict.NONE, Verdict.EXITED, Verdict.EXITED],
        State.DEAD,
    ),
    "a program that ends after its answer, before it is asked for more": (
        [Event.FORKED, Event.READY, Event.INVOKE, Event.REPLIED, Event.ENDED, Event.EXIT],
        [
            Verdict.NONE,
            Verdict.SERVE,
            Verdict.NONE,
            Verdict.ANSWER,
            Verdict.AGAIN,
            Verdict.EXITED,
        ],
        State.DEAD,
    ),
    "a program that is over its memory while extensions stay": (
        [Event.FORKED, Event.READY, Event.INVOKE, Event.OVER_MEMORY, Event.ENDED, Event.EXIT],
        [
            Verdict.NONE,
            Verdict.SERVE,
            Verdict.NONE,
            Verdict.NONE,
            Verdict.EXITED,
            Verdict.EXITED,
        ],
        State.DEAD,
    ),
    "a program that ends while it begins": (
        [Event.ENDED, Event.FORKED, Event.EXIT],
        [Verdict.INIT_FAILED, Verdict.NONE, Verdict.EXITED],
        State.DEAD,
    ),
    "an exit status that never comes": (
        [Event.FORKED, Event.READY, Event.INVOKE, Event.OVER_MEMORY, Event.DEADLINE],
        [Verdict.NONE, Verdict.SERVE, Verdict.NONE, Verdict.NONE, Verdict.EXITED],
        State.DEAD,
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_stories(story: str) -> None:
    """Whole lives come out as Lambda's documentation tells them."""
    events, verdicts, end = STORIES[story]
    state, seen = State.FORKING, []
    for event in events:
        after = turn(state, event)
        state = after.state
        seen.append(after.verdict)
    assert (seen, state) == (verdicts, end)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "Runtime exited without providing a reason"),
        (1, "Runtime exited with error: exit status 1"),
        (127, "Runtime exited with error: exit status 127"),
        (-9, "Runtime exited with error: signal: killed"),
        (-11, "Runtime exited with error: signal: segmentation fault"),
        (-12, "Runtime exited with error: signal: 12"),
        (-60, "Runtime exited with error: signal: 60"),
    ],
)
def test_exit_reason(status: int, words: str) -> None:
    """An exit is told in Lambda's words."""
    assert exit_reason(status) == words
