"""G12: a promise certified on one mix of requests, deployed on another, is to be withdrawn soon.

A threshold is certified while 6 % of the requests are foreign; then 18 % are. Every hour the
product's own watch (`store.promises`) looks at what it would find in its store: how many requests
are unlike the known ones, and what the audits of sent drafts (2 % of them) said so far.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from bench.evidence.drafts import SIGNALS, Drafts, Flags, Floats, Scored
from bench.evidence.population import Population
from bench.evidence.report import Line, percent

from store.certificates import ALL, CertificateView, Evidence
from store.evidence.drift import Day, Run, evidence_since_any_day, mix_shift
from store.evidence.risk_control import Certified, certify
from store.gate import Promise
from store.promises import MIX_ASSURANCE, Watched, cusum

Generator = np.random.Generator
CALIBRATED_FOREIGN, DEPLOYED_FOREIGN = 0.06, 0.18
LABELS, PILOT, AN_HOUR, COIN = 2_750, 20_000, 417, 0.02  # 10,000 drafts a day
DAYS, CALM_DAYS, HOURS = 14, 14, 24
WRONG_SENDS, MISSED_AT_MOST, FALSE_AT_MOST = 500, 0.05, 0.05
LIMITS = (0.02, 0.05)
LOW = 0.1  # the tail of likenesses that the product counts
SEED = 12
_ISSUED = datetime(2026, 11, 20, tzinfo=UTC)


@dataclass(frozen=True)
class Mix:
    """Drafts of which a stream can be drawn with any share of foreign ones."""

    confidence: Floats
    similarity: Floats
    is_wrong: Flags
    is_foreign: Flags

    @classmethod
    def of(cls, scored: Scored, own: Drafts) -> "Mix":
        """Return own drafts in scope beside the foreign ones judged on."""
        known, foreign = ~own.is_foreign, scored.held_out.is_foreign
        parts = [(own, known), (scored.held_out, foreign)]
        at = SIGNALS.index("nearest_similarity")
        return cls(
            np.concatenate([scored.confidence(drafts)[which] for drafts, which in parts]),
            np.concatenate([drafts.signals[which, at] for drafts, which in parts]),
            np.concatenate([drafts.is_wrong[which] for drafts, which in parts]),
            np.concatenate([drafts.is_foreign[which] for drafts, which in parts]),
        )

    def drawn(self, rng: Generator, n: int, share: float) -> "Mix":
        """Return n drafts with replacement, each foreign with this probability."""
        foreign, own = np.flatnonzero(self.is_foreign), np.flatnonzero(~self.is_foreign)
        places = np.where(rng.random(n) < share, rng.choice(foreign, n), rng.choice(own, n))
        return Mix(
            self.confidence[places],
            self.similarity[places],
            self.is_wrong[places],
            self.is_foreign[places],
        )


@dataclass(frozen=True)
class Hours:
    """What came in, hour by hour."""

    low: Floats  # requests unlike the known ones
    audited: Floats
    audited_wrong: Floats
    sent_wrong: Floats


@dataclass(frozen=True)
class Fate:
    """What became of one certificate on the other mix."""

    is_broken: bool  # more than promised is wrong on the new mix
    by_likeness: int | None  # wrong sends until the likeness of requests alarmed; None: never
    by_audits: int | None
    wrong_sends: int  # in all hours played

    @property
    def until_suspended(self) -> int | None:
        known = [sends for sends in (self.by_likeness, self.by_audits) if sends is not None]
        return min(known, default=None)

    @property
    def is_missed(self) -> bool:
        """Return whether 500 wrong drafts or more went out under the certificate."""
        sends = self.until_suspended
        return (self.wrong_sends if sends is None else sends) >= WRONG_SENDS


def lines(scored: Scored, runs: int) -> Iterator[Line]:
    """G12: wrong sends until suspended, and how often the watch suspends where nothing changed."""
    before, after = Mix.of(scored, scored.spare), Mix.of(scored, scored.held_out)
    for limit in LIMITS:
        rng = np.random.default_rng([SEED, round(1_000 * limit)])
        played = [_deployment(before, after, limit, rng) for _ in range(runs)]
        fates = [fate for fate in played if fate is not None]
        if fates:
            yield _told(limit, fates, runs)
    yield _calm(before, after, max(runs // 3, 1))


def _told(limit: float, fates: list[Fate], runs: int) -> Line:
    broken = float(np.mean([fate.is_broken for fate in fates]))
    missed = float(np.mean([fate.is_missed for fate in fates]))
    first, likeness, audits = (
        _spread([getattr(fate, name) for fate in fates])
        for name in ("until_suspended", "by_likeness", "by_audits")
    )
    return Line(
        "G12",
        f"6 → 18 % foreign, at most {percent(limit, 0)} promised: wrong sends until suspended",
        f"median {_count(first[0])}, p90 {_count(first[1])}, missed {percent(missed)} (audits alone"
        f" {_count(audits[0])}, p90 {_count(audits[1])}; promise truly broken in"
        f" {percent(broken, 0)})",
        f"{len(fates):,} certificates of {runs:,} tries",
        f"< {WRONG_SENDS} in ≥ {percent(1 - MISSED_AT_MOST, 0)}",
        missed <= MISSED_AT_MOST,
        {
            "limit": limit,
            "median": first[0],
            "p90": first[1],
            "missed": missed,
            "broken": broken,
            "likeness_median": likeness[0],
            "audits_median": audits[0],
            "audits_p90": audits[1],
        },
    )


def _spread(sends: list[int | None]) -> tuple[float | None, float | None]:
    """Return median and 90th percentile; None where so many were never suspended."""
    ordered = sorted(sends, key=lambda count: np.inf if count is None else count)
    return ordered[len(ordered) // 2], ordered[int(0.9 * (len(ordered) - 1))]


def _count(sends: float | None) -> str:
    return f"not in {DAYS} days" if sends is None else f"{sends:.0f}"


def _deployment(before: Mix, after: Mix, limit: float, rng: Generator) -> Fate | None:
    """Certify on one mix, then send hour by hour on the other; None where nothing is certified."""
    pilot = before.drawn(rng, PILOT, CALIBRATED_FOREIGN)
    labelled = before.drawn(rng, LABELS, CALIBRATED_FOREIGN)
    start = Population("", pilot.confidence, pilot.is_wrong).start(LABELS, limit)
    found = certify(labelled.confidence, labelled.is_wrong, max_error=limit, start=start)
    if found.threshold is None:
        return None
    cut = float(np.quantile(pilot.similarity, LOW))
    stream = after.drawn(rng, DAYS * HOURS * AN_HOUR, DEPLOYED_FOREIGN)
    is_sent = stream.confidence > found.threshold
    hours = _hours(stream, is_sent, cut, rng)
    certificate, sent_wrong = _certificate(found), np.cumsum(hours.sent_wrong)
    ends = (_first(hours, certificate, sign) for sign in ("likeness", "audits"))
    by_likeness, by_audits = (None if at is None else int(sent_wrong[at]) for at in ends)
    is_broken = bool((is_sent & stream.is_wrong).sum() > limit * is_sent.sum())
    return Fate(is_broken, by_likeness, by_audits, int(sent_wrong[-1]))


def _certificate(found: Certified) -> CertificateView:
    """Return the certificate as the product would hold it, after two weeks of the coin."""
    assert found.threshold is not None
    gathered = timedelta(days=LABELS / (COIN * AN_HOUR * HOURS))
    evidence = Evidence(
        threshold=found.threshold,
        labels=found.labels,
        sent=found.sent,
        wrong=found.wrong,
        calibrators=(),
        reference={},
        since=_ISSUED - gathered,
        until=_ISSUED,
    )
    promise = Promise(max_error=found.max_error, assurance=found.assurance)
    return CertificateView(1, 1, ALL, promise, evidence, "bench", _ISSUED, None, "", None, None)


def _hours(stream: Mix, is_sent: Flags, cut: float, rng: Generator) -> Hours:
    is_audited = is_sent & (rng.random(len(is_sent)) < COIN)
    return Hours(
        low=_hourly(stream.similarity <= cut),
        audited=_hourly(is_audited),
        audited_wrong=_hourly(is_audited & stream.is_wrong),
        sent_wrong=_hourly(is_sent & stream.is_wrong),
    )


def _first(hours: Hours, certificate: CertificateView, sign: str) -> int | None:
    """Return the first hour after which the product's watch finds the promise broken."""
    tuned = cusum(certificate)
    calm = Watched(certificate, (), 1.0, tuned, Run((), None), mix=None, why_lapsed=None)
    drafts = np.full(len(hours.low), float(AN_HOUR))
    for hour in range(1, len(hours.low) + 1):
        if sign == "likeness":
            low, n = zip(*_days(hours.low[:hour], drafts[:hour]), strict=True)
            seen = replace(calm, mix=mix_shift(low, n, LOW, assurance=MIX_ASSURANCE))
        else:
            days = _days(hours.audited_wrong[:hour], hours.audited[:hour])
            evidence = max(evidence_since_any_day(days, certificate.promise.max_error))
            seen = replace(calm, days=tuple(days), evidence=evidence, run=tuned.run(days))
        if seen.why_broken is not None:
            return hour - 1
    return None


def _calm(before: Mix, after: Mix, runs: int) -> Line:
    """How often the likeness of requests alarms in two weeks in which the mix stays."""
    rng, alarms = np.random.default_rng([SEED, 99]), 0
    for _ in range(runs):
        cut = float(np.quantile(before.drawn(rng, PILOT, CALIBRATED_FOREIGN).similarity, LOW))
        stream = after.drawn(rng, CALM_DAYS * HOURS * AN_HOUR, CALIBRATED_FOREIGN)
        low = _hourly(stream.similarity <= cut).reshape(CALM_DAYS, HOURS).sum(axis=1)
        alarms += mix_shift(
            [int(count) for count in low],
            [AN_HOUR * HOURS] * CALM_DAYS,
            LOW,
            assurance=MIX_ASSURANCE,
        ).is_shifted
    share = alarms / runs
    return Line(
        "G12",
        "still 6 % foreign: suspended for unlike requests in two weeks",
        percent(share),
        f"{runs:,} fortnights of 140,000, seen daily",
        f"≤ {percent(FALSE_AT_MOST, 0)}",
        share <= FALSE_AT_MOST,
        {"alarms": share},
    )


def _days(some: Floats, of: Floats) -> Sequence[Day]:
    """Return hourly counts as the product's days, the last one as far as it got."""
    starts = range(0, len(of), HOURS)
    return [(int(some[at : at + HOURS].sum()), int(of[at : at + HOURS].sum())) for at in starts]


def _hourly(flags: Flags) -> Floats:
    counts: Floats = flags.reshape(-1, AN_HOUR).sum(axis=1).astype(np.float64)
    return counts
