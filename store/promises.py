"""Promises under watch: what the audits since a certificate was issued say of it.

Three signs break a promise: proof that more is wrong than it allows, a rise in the error rate, and
tickets that no longer look like those it was certified on. A broken one is suspended, which sends
everything of its kind to a person. One lapses whose confidence was fitted anew since, or whose kind
has newer drafts of a confidence that it does not name: another model makes them now.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, or_, select
from sqlmodel import Session, col

from store import calibrators, certificates, notifications, of_kind
from store.certificates import CertificateView
from store.evidence.drift import Cusum, Day, MixShift, Run, evidence_since_any_day, mix_shift
from store.labels import valid, whole_draft
from store.phrases import percent
from store.schema import Label
from store.schema import Run as RunRow
from store.transitions import Outcome

MIX_ASSURANCE = 0.99  # a wrong claim stops automatic sending


@dataclass(frozen=True, slots=True)
class Watched:
    """A standing certificate and what has come in since; ranges are for looking at any time."""

    certificate: CertificateView
    days: tuple[Day, ...]  # (wrong, audited) by the day of the verdict, of drafts sent alone since
    evidence: float  # e-value for "more is wrong than promised"
    cusum: Cusum
    run: Run
    mix: MixShift | None  # None: nothing tells how unlike known requests a ticket is
    why_lapsed: str | None  # what its ground was taken by; None: it stands on it still

    @property
    def wrong(self) -> int:
        """Return the audits since that said wrong."""
        return sum(wrong for wrong, _ in self.days)

    @property
    def audited(self) -> int:
        """Return the audits since."""
        return sum(audited for _, audited in self.days)

    @property
    def why_broken(self) -> str | None:
        """Return in words what breaks the promise, None while it holds."""
        promise = self.certificate.promise
        if self.evidence >= 1 / (1 - promise.assurance):
            return (
                f"{self.wrong} of {self.audited} audits since were wrong: with"
                f" {percent(promise.assurance)} assurance more than {percent(promise.max_error)} of"
                " what goes out alone"
            )
        if self.run.alarm is not None:
            return (
                f"the error rate rose: {self.wrong} of {self.audited} audits since were wrong,"
                f" against {self.certificate.evidence.wrong} of {self.certificate.evidence.sent}"
                " when it was certified"
            )
        if self.mix is not None and self.mix.is_shifted:
            return (
                f"tickets changed: {percent(self.mix.rate or 0)} are unlike the known requests,"
                f" at most {percent(self.mix.limit)} were expected"
            )
        return None


@dataclass(frozen=True, slots=True)
class Broken:
    """A certificate to be moved, with why; `lapses` where nothing is wrong but its ground gone."""

    certificate_id: int
    why: str
    lapses: bool


def watched(session: Session) -> tuple[Watched, ...]:
    """Return every certificate that holds, with what has come in since."""
    standing = [one for one in certificates.certificates(session) if one.is_standing]
    in_force = calibrators.in_force(session) if standing else frozenset()
    return tuple(_watched(session, one, in_force) for one in standing)


def found(session: Session) -> tuple[Broken, ...]:
    """Return the promises that do not hold any more."""
    broken = []
    for one in watched(session):
        if one.why_broken is not None:
            broken.append(Broken(one.certificate.id, one.why_broken, lapses=False))
        elif one.why_lapsed is not None:
            broken.append(Broken(one.certificate.id, one.why_lapsed, lapses=True))
    return tuple(broken)


def suspend(session: Session, broken: tuple[Broken, ...], *, now: datetime) -> None:
    """Suspend what is broken, let lapse what has lost its ground, and tell people of both."""
    for one in broken:
        move = certificates.lapse if one.lapses else certificates.suspend
        if not move(session, one.certificate_id, one.why, now=now):
            continue
        view = certificates.certificate(session, one.certificate_id)
        title = f"{certificates.promised(view)} no longer holds"
        what = (
            "Nothing is stopped; certify a threshold anew on the Gate page."
            if one.lapses
            else "Every such draft goes to a person until a manager reopens it on the Gate page."
        )
        key = f"promise:{one.certificate_id}:{'lapsed' if one.lapses else 'suspended'}"
        body = f"{one.why[:1].upper()}{one.why[1:]}. {what}"
        notifications.tell(session, key, title, body, "/gate", now)


def _watched(session: Session, one: CertificateView, in_force: frozenset[str]) -> Watched:
    days = _audits(session, one)
    tuned = cusum(one)
    return Watched(
        certificate=one,
        days=days,
        evidence=max(evidence_since_any_day(days, one.promise.max_error), default=1.0),
        cusum=tuned,
        run=tuned.run(days),
        mix=_mix(session, one),
        why_lapsed=_why_lapsed(session, one, in_force),
    )


def _why_lapsed(session: Session, one: CertificateView, in_force: frozenset[str]) -> str | None:
    named = one.evidence.calibrators
    if not in_force.issuperset(named):
        return "the confidence that it is about was fitted anew"
    since = of_kind.recent(session, since=one.issued_at, but=named)
    others = ", ".join(sorted(of_kind.named(since, one.kind)))
    if others:
        return f"drafts now come from a model that it was not certified on: {others}"
    return None


def cusum(one: CertificateView) -> Cusum:
    """Return the alarm for a doubling of what was certified, or for the limit where that is more.

    Half an error is added: no error in a few hundred audits is no error rate of 0.
    """
    proof = one.evidence
    usual = (proof.wrong + 0.5) / (proof.sent + 1)
    span_days = max((proof.until - proof.since).total_seconds() / 86_400, 1.0)
    factor = min(max(2.0, one.promise.max_error / usual), 0.99 / usual)
    return Cusum.tuned(usual, audits_per_day=max(proof.sent / span_days, 1.0), factor=factor)


def _audits(session: Session, one: CertificateView) -> tuple[Day, ...]:
    """Return (wrong, audited) per day of the verdict: the coin's drafts that went out alone."""
    day, wrong = func.date(col(Label.labelled_at)), case((col(Label.is_right), 0), else_=1)
    audits = (
        valid(day.label("day"), wrong.label("wrong"))
        .join(RunRow, col(RunRow.id) == col(Label.run_id))
        .where(
            whole_draft(),
            col(RunRow.outcome) == Outcome.PASS,
            col(RunRow.coin) < col(RunRow.coin_rate),
            col(RunRow.gated_at) >= one.issued_at,
        )
    )
    return of_kind.per_day(session, audits, one.kind)


def _mix(session: Session, one: CertificateView) -> MixShift | None:
    cut, share = (one.evidence.reference.get(name) for name in ("low_similarity", "low_share"))
    if cut is None or not share or share >= 0.5:
        return None
    day = func.date(col(RunRow.created_at))
    is_low = or_(col(RunRow.similarity).is_(None), col(RunRow.similarity) <= cut)
    drafts = select(day.label("day"), case((is_low, 1), else_=0).label("low")).where(
        col(RunRow.outcome).is_not(None), col(RunRow.created_at) >= one.issued_at
    )
    days = of_kind.per_day(session, drafts, one.kind)
    low, gated = [low for low, _ in days], [gated for _, gated in days]
    return mix_shift(low, gated, float(share), assurance=MIX_ASSURANCE)
