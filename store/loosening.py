"""What one policy changes against another, in words, and in which respects it is looser. Pure.

Looser means that something goes out alone that did not, that fewer people or less time stand before
it, or that less is watched. What `gate.evaluate` would let pass that it did not is always among it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from store.actions import in_words
from store.gate import PolicyBody, Promise
from store.money import Money
from store.transitions import Outcome

EVERYTHING = "*"  # a promise's kind that stands for all of them
UNDO_SECONDS = 10.0  # a decision's window where the policy names none


@dataclass(frozen=True, slots=True)
class Change:
    """One respect in which two policies differ."""

    about: str
    before: str
    after: str
    is_looser: bool

    def __str__(self) -> str:
        return f"{self.about} {self.before} → {self.after}"


def changes(before: PolicyBody, after: PolicyBody) -> tuple[Change, ...]:
    """Return every difference that has an effect."""
    found = (
        *_thresholds(before, after),
        *_limits(before, after),
        *_money(before, after),
        *_always_person(before, after),
        *_watching(before, after),
        *_seconds("Undo window of", before.undo_seconds, after.undo_seconds, UNDO_SECONDS),
        *_seconds("Delay before sending alone:", before.delay_seconds, after.delay_seconds, 0.0),
        *_waiting(before, after),
        *_promises(before, after),
    )
    return tuple(change for change in found if change.before != change.after)


def loosened(before: PolicyBody, after: PolicyBody) -> tuple[str, ...]:
    """Return in words each respect in which `after` is looser."""
    return tuple(str(change) for change in changes(before, after) if change.is_looser)


def _thresholds(before: PolicyBody, after: PolicyBody) -> Iterator[Change]:
    pairs = {"Threshold": (before.threshold, after.threshold)}
    for kind in sorted({*before.thresholds, *after.thresholds}):
        was = before.thresholds.get(kind, before.threshold)
        pairs[f"Threshold for {in_words(kind)}"] = was, after.thresholds.get(kind, after.threshold)
    for about, (was, now) in pairs.items():
        yield Change(about, _unit(was), _unit(now), is_looser=now < was)


def _limits(before: PolicyBody, after: PolicyBody) -> Iterator[Change]:
    stops = (
        ("goes out alone up to", (Outcome.ESCALATE, Outcome.BLOCK)),
        ("is not blocked up to", (Outcome.BLOCK,)),
    )
    for kind in sorted({rule.kind for rule in (*before.amount_rules, *after.amount_rules)}):
        for words, outcomes in stops:
            was, now = _limit(before, kind, outcomes), _limit(after, kind, outcomes)
            yield Change(
                f"{in_words(kind).capitalize()} {words}",
                _amount(was, before),
                _amount(now, after),
                is_looser=was is not None and (now is None or now > was),
            )


def _limit(policy: PolicyBody, kind: str, outcomes: tuple[Outcome, ...]) -> int | None:
    """Return the lowest amount above which one of these outcomes follows."""
    rules = [rule for rule in policy.amount_rules if rule.kind == kind]
    return min((rule.above_minor for rule in rules if rule.outcome in outcomes), default=None)


def _money(before: PolicyBody, after: PolicyBody) -> Iterator[Change]:
    # under another currency every limit means another amount
    yield Change("Amounts are in", before.currency, after.currency, is_looser=True)
    for about, was, now in (
        (
            "Alone per customer and day at most",
            before.daily_cap_minor,
            after.daily_cap_minor,
        ),
        (
            "Two people must approve above",
            before.two_person_above_minor,
            after.two_person_above_minor,
        ),
    ):
        yield Change(about, _amount(was, before), _amount(now, after), is_looser=now > was)


def _always_person(before: PolicyBody, after: PolicyBody) -> Iterator[Change]:
    for kind in sorted({*before.always_person, *after.always_person}):
        was, now = kind in before.always_person, kind in after.always_person
        about = f"{in_words(kind).capitalize()}:"
        yield Change(about, _sender(was), _sender(now), is_looser=was and not now)


def _watching(before: PolicyBody, after: PolicyBody) -> Iterator[Change]:
    was, now = before.audit_rate, after.audit_rate
    yield Change("Audited blind", _percent(was), _percent(now), is_looser=now < was)
    needed, needs = before.needs_second_manager, after.needs_second_manager
    yield Change(
        "A second manager must agree to loosen:",
        _yes(needed),
        _yes(needs),
        is_looser=needed and not needs,
    )


def _seconds(
    about: str, before: Mapping[str, float], after: Mapping[str, float], default: float
) -> Iterator[Change]:
    for kind in sorted({*before, *after}):
        was, now = before.get(kind, default), after.get(kind, default)
        yield Change(f"{about} {in_words(kind)}", _span(was), _span(now), is_looser=now < was)


def _waiting(before: PolicyBody, after: PolicyBody) -> Iterator[Change]:
    for about, was, now in (
        ("People are reminded of a waiting card after", before.sla.remind, after.sla.remind),
        ("A waiting card is overdue after", before.sla.due, after.sla.due),
        ("Only a manager decides a waiting card after", before.sla.hold, after.sla.hold),
    ):
        yield Change(about, f"{was:.10g} h", f"{now:.10g} h", is_looser=now > was)


def _promises(before: PolicyBody, after: PolicyBody) -> Iterator[Change]:
    for kind in sorted({*before.promises, *after.promises}):
        was, now = before.promises.get(kind), after.promises.get(kind)
        about = "everything" if kind == EVERYTHING else in_words(kind)
        yield Change(
            f"Promise for {about}:",
            _promise(was),
            _promise(now),
            is_looser=was is not None
            and (now is None or now.max_error > was.max_error or now.assurance < was.assurance),
        )


def _promise(made: Promise | None) -> str:
    if made is None:
        return "none"
    return f"at most {_percent(made.max_error)} wrong, {_percent(made.assurance)} sure"


def _sender(is_always_person: bool) -> str:
    return "always to a person" if is_always_person else "alone within the rules"


def _unit(value: float) -> str:
    return f"{value:.2f}" if round(value, 2) == value else repr(value)


def _percent(rate: float) -> str:
    return f"{100 * rate:.10g} %"


def _span(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds / length:.10g} {unit}"
    return f"{seconds!r} s".replace(".0 s", " s")


def _amount(minor: int | None, policy: PolicyBody) -> str:
    return "any amount" if minor is None else str(Money(minor, policy.currency))


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
