"""The invariants of what starts work, each a judge of its own over the ledger's facts.

no strays · no repetition · ladder · dead letters · promptness · order · deduplication · schedules ·
rest

What at-least-once allows, and no more: an attempt whose end may not have been written down, because
the process died or a group was refused since, is made again. Only then may a target get something
twice, or get it and a dead-letter queue too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from redrive.sim.events_ledger import Ledger, Sight
from redrive.sim.events_legs import FINAL, PASSING, Leg, Try
from redrive.sim.events_words import MOVE, instance_of
from redrive.sim.evidence import Attempt, Violation

_TRIES_MAX = 186
"""At a dead-letter queue."""
SATURATED = 50
"""Calls to one target under way, beyond which others of it wait."""


class EventChecker:
    """A judge; each hook may raise a Violation."""

    invariant = ""

    def __init__(self) -> None:
        self.ledger: Ledger | None = None  # given by the judge

    @property
    def seen(self) -> Ledger:
        """Return the ledger."""
        assert self.ledger is not None
        return self.ledger

    def owed(self, leg: Leg) -> None:
        """Hear of something that is owed from now on."""

    def begun(self, leg: Leg, one: Try) -> None:
        """Hear of an attempt, before it is among the leg's."""

    def ended(self, leg: Leg, one: Try) -> None:
        """Hear how it has ended."""

    def buried(self, leg: Leg, one: Try) -> None:
        """Hear of a message to a dead-letter queue, before it is among the leg's."""

    def stray(self, sight: Sight, why: str) -> None:
        """Hear of a call that nothing explains."""

    def fired(self, source: str, wrong: str, leg: Leg) -> None:
        """Hear that a schedule has fired."""

    def deduplicated(self, attempt: Attempt, message_id: str) -> None:
        """Hear that a topic was sent a message again within five minutes."""

    def look(self) -> None:
        """Look at what is owed when the server would sleep."""

    def rest(self, owed: int) -> None:
        """Look at it when all time has passed; owed: rows that are left."""

    def count(self, bodies: Mapping[str, Sequence[str]]) -> None:
        """Look at the messages of all queues at rest."""

    def fail(self, message: str) -> Violation:
        """Return the violation of this checker's invariant."""
        return Violation(self.invariant, message)


def told(leg: Leg) -> str:
    """Return a leg for people."""
    tries = [(one.at_ms, one.ended_ms, one.error, one.epoch) for one in leg.tries[-4:]]
    letters = [(one.at_ms, one.error, one.epoch) for one in leg.letters]
    return (
        f"{leg.instance} from {leg.source} to {leg.target}, owed {leg.owed_ms}, {leg.policy},"
        f" dlq {leg.dlq}: {len(leg.tries)} attempts, the latest {tries}; letters {letters}"
    )


class NoStrays(EventChecker):
    """Nothing reaches a target that was not sent, did not match, or was not its any more."""

    invariant = "no strays"

    def stray(self, sight: Sight, why: str) -> None:
        """Refuse it."""
        raise self.fail(f"{sight.source} calls {sight.target}: {why}: {sight.text[:200]}")


class NoRepetition(EventChecker):
    """What was taken is not delivered again, and what was buried neither, but for a fault."""

    invariant = "no repetition"

    def begun(self, leg: Leg, one: Try) -> None:
        """Judge an attempt by those before."""
        if not leg.is_single:
            return
        if any(letter.is_taken for letter in leg.letters):
            raise self.fail(f"tried after it was buried: {told(leg)}")
        last = leg.tries[-1] if leg.tries else None
        if last is None or last.epoch != one.epoch or last.is_lost:
            return
        if last.is_taken:
            raise self.fail(f"delivered again: {told(leg)}")
        if last.ended_ms is None:
            raise self.fail(f"tried twice at a time: {told(leg)}")

    def buried(self, leg: Leg, one: Try) -> None:
        """Judge a burial by what was before."""
        if not leg.is_single:
            return
        for letter in leg.letters:
            if letter.is_taken and letter.epoch == one.epoch:
                raise self.fail(f"buried twice: {told(leg)}")
        last = leg.tries[-1] if leg.tries else None
        if last is not None and last.is_taken and last.epoch == one.epoch:
            raise self.fail(f"delivered and buried: {told(leg)}")


class LadderKept(EventChecker):
    """Attempts come when the policy says: not early, not too many, none after the deadline."""

    invariant = "ladder"

    def begun(self, leg: Leg, one: Try) -> None:
        """Judge an attempt."""
        if not leg.is_single:
            return
        if one.at_ms < leg.owed_ms[0]:
            raise self.fail(f"tried at {one.at_ms}, before it was owed: {told(leg)}")
        if leg.deadline_ms is not None and one.at_ms > leg.deadline_ms:
            raise self.fail(f"tried at {one.at_ms}, after its time: {told(leg)}")
        limit = leg.policy.retries_max
        least, _ = leg.failures(one.epoch)
        if limit is not None and least > limit:
            raise self.fail(f"tried once too often: {told(leg)}")
        last = leg.tries[-1] if leg.tries else None
        if last is None or not last.has_failed or last.epoch != one.epoch:
            return
        if last.is_final:
            raise self.fail(f"tried after a final error: {told(leg)}")
        earliest, _ = leg.due_ms(one.epoch)
        if one.at_ms < earliest:
            raise self.fail(f"tried at {one.at_ms}, not due before {earliest}: {told(leg)}")


class DeadLetters(EventChecker):
    """What is buried was given up, goes to its own queue, and says what has happened."""

    invariant = "dead letters"

    def buried(self, leg: Leg, one: Try) -> None:
        """Judge a message to a dead-letter queue."""
        head = one.letter
        assert head is not None
        if head.queue != leg.dlq:
            raise self.fail(f"buried in {head.queue}: {told(leg)}")
        if leg.instance != MOVE and instance_of(head.body) != leg.instance:
            raise self.fail(f"{head.body[:200]} is not what was sent: {told(leg)}")
        if not leg.is_single:
            return
        verdict = leg.verdict(self.seen.epoch)
        last = leg.tries[-1] if leg.tries else None
        is_sure = not leg.is_found if last is None else last.epoch == one.epoch
        is_late = leg.deadline_ms is not None and one.at_ms > leg.deadline_ms
        if leg.is_found and leg.lane is not None:
            is_late = True  # when it was owed is not known
        if verdict in ("again", "open", "fresh") and is_sure and not is_late and not leg.letters:
            raise self.fail(f"given up too early: {told(leg)}")
        if "ERROR_CODE" in head.attributes:
            self._attributes(leg, head.attributes, is_sure=is_sure and not is_late)

    def _attributes(self, leg: Leg, found: dict[str, str], *, is_sure: bool) -> None:
        named = found.get("RULE_ARN") or found.get("SCHEDULE_ARN")
        if named != leg.source:
            raise self.fail(f"a letter of {named}: {told(leg)}")
        run = found.get("EXECUTION_ID")
        if run is not None and leg.instance not in (MOVE, f"run-{run}"):
            raise self.fail(f"a letter with the EXECUTION_ID {run}: {told(leg)}")
        least, most = leg.failures(self.seen.epoch)
        retries = int(found["RETRY_ATTEMPTS"])
        if not max(0, least - 1) <= retries <= max(0, most - 1):
            raise self.fail(f"RETRY_ATTEMPTS is {retries}: {told(leg)}")
        last = leg.tries[-1] if leg.tries else None
        if last is None or not is_sure:
            return
        condition = found.get("EXHAUSTED_RETRY_CONDITION", "")
        other = "ERROR_FROM_TARGET" if last.error.isdigit() else "SDK_CLIENT_ERROR"
        code = (FINAL | PASSING).get(last.error, other)
        if found["ERROR_CODE"] != code:
            raise self.fail(f"ERROR_CODE is {found['ERROR_CODE']}, not {code}: {told(leg)}")
        if bool(condition) == last.is_final:
            raise self.fail(f"EXHAUSTED_RETRY_CONDITION is {condition!r}: {told(leg)}")
        if condition == "MaximumRetryAttempts" and retries != leg.policy.retries_max:
            raise self.fail(f"{retries} retries are not all: {told(leg)}")


class Promptness(EventChecker):
    """What is due is tried at once, whoever else hangs; what is given up is buried at once."""

    invariant = "promptness"

    def look(self) -> None:
        """Look for what should have happened by now."""
        ledger = self.seen
        if not ledger.is_calm:
            return
        blocked: set[str | None] = set()
        open_calls: dict[str, int] = {}
        for leg in ledger.unsettled:
            if leg.tries and leg.tries[-1].ended_ms is None and not leg.tries[-1].is_lost:
                open_calls[leg.target] = open_calls.get(leg.target, 0) + len(leg.owed_ms)
            if leg.lane is not None and not leg.is_placed:
                blocked.add(leg.lane)  # it has a place in its lane that is not known
        for leg in sorted(ledger.unsettled, key=lambda leg: leg.place):
            if leg.lane is not None and leg.lane in blocked and leg.is_placed:
                continue
            state = len(leg.tries), ledger.epoch
            if leg.calm_as_of == state and ledger.now_ms < leg.calm_until_ms:
                blocked.add(leg.lane)
                continue
            settled = self._judge(leg, is_full=open_calls.get(leg.target, 0) >= SATURATED - 1)
            if settled:
                del ledger.unsettled[leg]
            else:
                blocked.add(leg.lane)

    def _judge(self, leg: Leg, *, is_full: bool) -> bool:
        """Return whether a leg has come to its end."""
        ledger = self.seen
        now_ms, verdict = ledger.now_ms, leg.verdict(ledger.epoch)
        if verdict == "taken" or not leg.is_single:
            return verdict in ("taken", "over") or len(leg.letters) >= len(leg.owed_ms)
        if verdict == "open":
            return False
        if leg.lane is not None and leg.is_found:
            return verdict != "again"  # it may have been owed for long, and have grown too old
        is_late = leg.deadline_ms is not None and now_ms > leg.deadline_ms
        if verdict == "over" or (is_late and verdict != "either"):
            if is_full and not leg.tries:
                return False
            queues = list(ledger.letters_open.values())
            is_dlq_full = queues.count(leg.dlq or "") >= SATURATED - 1
            is_buried = leg.dlq is None or bool(leg.letters or leg.letters_waiting)
            if not is_buried and (is_dlq_full or leg.lane is not None):
                return False  # dead letters of a group wait for each other
            if not is_buried and (verdict == "over" or leg.tries):
                raise self.fail(f"given up and not buried at {now_ms}: {told(leg)}")
            return is_buried
        if leg.letters:
            return True
        if is_full:
            return False
        grace_ms = 1_000 if leg.target.startswith("http") or "api-dest" in leg.target else 0
        if verdict == "fresh" and now_ms >= max(leg.owed_ms) + grace_ms:
            raise self.fail(f"not tried by {now_ms}: {told(leg)}")
        if verdict == "again" and not leg.tries[-1].is_lost:
            _, latest = leg.due_ms(ledger.epoch)
            leg.calm_until_ms, leg.calm_as_of = latest, (len(leg.tries), ledger.epoch)
            if now_ms > latest + grace_ms:
                raise self.fail(f"not tried again by {now_ms}, due at {latest}: {told(leg)}")
        elif verdict == "again" and now_ms > ledger.fault_ms + grace_ms:
            raise self.fail(f"lost, and not tried again by {now_ms}: {told(leg)}")
        return False


class Order(EventChecker):
    """Of a group each follows the one that was accepted before it."""

    invariant = "order"

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[str, int] = {}

    def ended(self, leg: Leg, one: Try) -> None:
        """Judge what was delivered."""
        if leg.lane is None or not one.is_taken or not leg.is_placed:
            return
        if leg.place < self._places.get(leg.lane, 0):
            raise self.fail(f"delivered behind a later one: {told(leg)}")
        self._places[leg.lane] = leg.place


class Deduplication(EventChecker):
    """A FIFO topic takes a deduplication id once within five minutes."""

    invariant = "deduplication"

    def deduplicated(self, attempt: Attempt, message_id: str) -> None:
        """Compare what was answered."""
        if attempt.operation == "Publish":
            assert attempt.result is not None
            found = attempt.result["MessageId"]
            if found != message_id:
                raise self.fail(f"accepted again as {found}, before as {message_id}")


class SchedulesFire(EventChecker):
    """Each instant fires once, not early; missed ones once; none while the schedule rests."""

    invariant = "schedules"

    def fired(self, source: str, wrong: str, leg: Leg) -> None:
        """Judge a firing."""
        if wrong:
            raise self.fail(f"{source} {wrong}: {told(leg)}")

    def look(self) -> None:
        """Look for instants that have passed without a firing."""
        ledger = self.seen
        ledger.pass_silently()
        if not ledger.is_calm:
            return
        for source, table in ledger.tables.items():
            due_ms = table.next_ms
            if due_ms is None or table.spec is None:
                continue
            if ledger.now_ms >= due_ms + table.spec.window_ms and ledger.fault_ms < due_ms:
                plans = ledger.plans.get(source)
                raise self.fail(
                    f"{source} has not fired for {due_ms} by {ledger.now_ms}: {table}, {plans}"
                )


class AllAccounted(EventChecker):
    """At rest each thing was delivered, is in its dead-letter queue, or was given up rightly."""

    invariant = "rest"

    def rest(self, owed: int) -> None:
        """Make the account."""
        ledger = self.seen
        if owed:
            raise self.fail(f"{owed} rows are owed")
        for leg in ledger.legs.values():
            if not leg.taken and not any(letter.is_taken for letter in leg.letters):
                self._given_up(leg)
        if missing := ledger.invoked - ledger.ran:
            raise self.fail(f"accepted and never run: {sorted(missing)[:5]}")

    def _given_up(self, leg: Leg) -> None:
        ledger = self.seen
        verdict = leg.verdict(ledger.epoch)
        is_late = leg.deadline_ms is not None and ledger.now_ms > leg.deadline_ms
        if verdict in ("open", "taken") or (verdict in ("fresh", "again") and not is_late):
            raise self.fail(f"neither delivered nor buried: {told(leg)}")
        if leg.dlq is not None and not self._is_letter_over(leg):
            raise self.fail(f"given up and in no dead-letter queue: {told(leg)}")

    def _is_letter_over(self, leg: Leg) -> bool:
        """Tell whether the dead-letter queue was missing, or has failed as often as is tried."""
        return bool(leg.letters) and (leg.letters[-1].is_final or len(leg.letters) >= _TRIES_MAX)


class Replays(EventChecker):
    """A replay sends what the archive has to a rule that does not change."""

    invariant = "replays"

    def rest(self, owed: int) -> None:
        """Look for each event of each replay."""
        del owed
        ledger = self.seen
        for name, (start_ms, end_ms, asked_ms) in ledger.replays.items():
            for word, (at_ms, _event) in ledger.book.archived.items():
                if start_ms <= at_ms // 1_000 * 1_000 <= end_ms and at_ms < asked_ms:
                    self._find(f"{word}@{name}", word)

    def _find(self, instance: str, word: str) -> None:
        legs = self.seen.legs
        keeper = [leg for leg in legs.values() if leg.source.endswith("rule/keeper")]
        is_for = any(leg.instance == word for leg in keeper)
        if is_for and not any(leg.instance == instance for leg in keeper):
            raise self.fail(f"{instance} was not sent to the rule keeper")


class Held(EventChecker):
    """What a queue has taken is there, what a dead-letter queue has taken once."""

    invariant = "held"
    never = ("q2", "ordered.fifo", "dead.fifo")
    """One is deleted now and then; the others take what comes late for something repeated."""

    def count(self, bodies: Mapping[str, Sequence[str]]) -> None:
        """Compare the rows with what was seen."""
        ledger = self.seen
        found = {name: Counter(map(instance_of, texts)) for name, texts in bodies.items()}
        for leg in ledger.legs.values():
            name = leg.target.rsplit(":", 1)[-1]
            is_queue = ":sqs:" in leg.target and leg.instance != MOVE
            is_kept = is_queue and bool(leg.taken) and name not in self.never
            if is_kept and not found[name][leg.instance]:
                raise self.fail(f"taken by {name}, and not there: {told(leg)}")
            for letter in leg.letters if leg.instance != MOVE else ():
                assert letter.letter is not None
                dlq = letter.letter.queue.rsplit(":", 1)[-1]
                body = instance_of(letter.letter.body)
                if letter.is_taken and dlq not in self.never and not found[dlq][body]:
                    raise self.fail(f"taken by {dlq}, and not there: {told(leg)}")
        self._pipe(found)

    def _pipe(self, found: Mapping[str, Counter[str]]) -> None:
        for word, passes in self.seen.piped.items():
            places = [name for name in ("piped-out", "piped-dead") if found[name][word]]
            if found["piped"][word]:
                raise self.fail(f"{word} is still in the queue of the pipe")
            if passes != bool(places):
                raise self.fail(f"{word} through the pipe: {places}, to pass: {passes}")


EVENT_CHECKERS = (
    NoStrays,
    NoRepetition,
    LadderKept,
    DeadLetters,
    Promptness,
    Order,
    Deduplication,
    SchedulesFire,
    AllAccounted,
    Replays,
    Held,
)
