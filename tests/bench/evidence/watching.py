"""G7 and G12: how soon a worse error rate is noticed, and a promise given for another mix withdrawn.

G12 plays a deployment: a threshold is certified while 6 % of the requests are foreign, then 18 %
are. Once an hour the product's two watches look: more requests unlike the examples than before
(no labels needed), and audits of what was sent (2 % of it) proving the promise broken.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from bench.evidence.drafts import SIGNALS, Drafts, Flags, Floats, Scored
from bench.evidence.guarantee import Population
from bench.evidence.report import Line, percent

from store.evidence.drift import Cusum, LowTail, evidence_above, low_tail, mix_shift
from store.evidence.risk_control import certify

Generator = np.random.Generator
AUDITS_A_DAY, USUAL, DOUBLED = 150, 0.01, 0.02
NOTICED_DAYS, FALSE_ALARM_DAYS = 8.0, 365.0
CALIBRATED_FOREIGN, DEPLOYED_FOREIGN = 0.06, 0.18
LABELS, PILOT, AN_HOUR, COIN = 2_750, 20_000, 417, 0.02  # 10,000 drafts a day
HOURS, CALM_HOURS = 96, 336
WRONG_SENDS, MISSED_AT_MOST, PROVEN = 500, 0.05, 20.0
LIMITS = (0.02, 0.05)
SEED = 12


def drift() -> Iterator[Line]:
    """G7: exact delays of the CUSUM that the product tunes for a year between false alarms."""
    cusum = Cusum.tuned(USUAL, audits_per_day=AUDITS_A_DAY)
    noticed, apart = cusum.delay(DOUBLED), cusum.delay(USUAL)
    n = f"{AUDITS_A_DAY} audits a day, exact"
    yield Line(
        "G7", "1 % becomes 2 %: days until noticed, on average", f"{noticed:.1f}", n,
        f"≤ {NOTICED_DAYS:.0f}", noticed <= NOTICED_DAYS, {"days": noticed},
    )  # fmt: skip
    yield Line(
        "G7", "days between false alarms, on average", f"{apart:.0f}", n,
        f"≥ {FALSE_ALARM_DAYS:.0f}", apart >= FALSE_ALARM_DAYS, {"days": apart},
    )  # fmt: skip
    others = {rate: cusum.delay(rate) for rate in (0.015, 0.03, 0.05)}
    told = ", ".join(f"{percent(rate)} {days:.1f}" for rate, days in others.items())
    figures = {str(rate): days for rate, days in others.items()}
    yield Line("G7", "days until another rate is noticed", told, n, figures=figures)


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
class Fate:
    """What became of one certificate on the other mix."""

    is_broken: bool  # more than promised is wrong on the new mix
    by_mix: int | None  # wrong sends until the likeness of requests alarmed; None: not at all
    by_audits: int | None
    wrong_sends: int  # in all hours played

    @property
    def until_suspended(self) -> int | None:
        known = [sends for sends in (self.by_mix, self.by_audits) if sends is not None]
        return min(known, default=None)

    @property
    def is_missed(self) -> bool:
        """Return whether 500 wrong drafts or more went out under the certificate."""
        sends = self.until_suspended
        return (self.wrong_sends if sends is None else sends) >= WRONG_SENDS


def mix_shifts(scored: Scored, runs: int) -> Iterator[Line]:
    """G12: wrong sends until a certificate given for another mix is suspended."""
    before, after = Mix.of(scored, scored.spare), Mix.of(scored, scored.held_out)
    for limit in LIMITS:
        rng = np.random.default_rng([SEED, round(1_000 * limit)])
        played = [_deployment(before, after, limit, rng) for _ in range(runs)]
        fates = [fate for fate in played if fate is not None]
        if fates:
            yield _told(limit, fates, runs)
    yield _calm(before, after, runs)


def _told(limit: float, fates: list[Fate], runs: int) -> Line:
    broken = float(np.mean([fate.is_broken for fate in fates]))
    missed = float(np.mean([fate.is_missed for fate in fates]))
    first, by_mix, by_audits = (
        _spread([getattr(fate, name) for fate in fates])
        for name in ("until_suspended", "by_mix", "by_audits")
    )
    return Line(
        "G12",
        f"6 → 18 % foreign, at most {percent(limit, 0)} promised: wrong sends until suspended",
        f"median {first[0]:.0f}, p90 {first[1]:.0f}, missed {percent(missed)} (likeness alone"
        f" {by_mix[0]:.0f} / {by_mix[1]:.0f}, audits alone {by_audits[0]:.0f} / {by_audits[1]:.0f};"
        f" promise truly broken in {percent(broken, 0)})",
        f"{len(fates):,} certificates of {runs:,} tries",
        f"< {WRONG_SENDS} in ≥ {percent(1 - MISSED_AT_MOST, 0)}",
        missed <= MISSED_AT_MOST,
        {"limit": limit, "median": first[0], "p90": first[1], "missed": missed, "broken": broken,
         "mix_median": by_mix[0], "mix_p90": by_mix[1], "audits_median": by_audits[0],
         "audits_p90": by_audits[1]},
    )  # fmt: skip


def _spread(sends: list[int | None]) -> tuple[float, float]:
    """Return median and 90th percentile; infinite where so many were never suspended."""
    known = np.array([np.inf if count is None else count for count in sends])
    ordered = np.sort(known)
    return float(ordered[len(ordered) // 2]), float(ordered[int(0.9 * (len(ordered) - 1))])


def _deployment(before: Mix, after: Mix, limit: float, rng: Generator) -> Fate | None:
    """Certify on one mix, then send hour by hour on the other; None where nothing is certified."""
    pilot = before.drawn(rng, PILOT, CALIBRATED_FOREIGN)
    labelled = before.drawn(rng, LABELS, CALIBRATED_FOREIGN)
    start = Population("", pilot.confidence, pilot.is_wrong).start(LABELS, limit)
    found = certify(labelled.confidence, labelled.is_wrong, max_error=limit, start=start)
    tail = low_tail(pilot.similarity)
    if found.threshold is None or tail is None:
        return None
    stream = after.drawn(rng, HOURS * AN_HOUR, DEPLOYED_FOREIGN)
    is_sent = stream.confidence > found.threshold
    wrong = is_sent & stream.is_wrong
    is_audited = is_sent & (rng.random(len(wrong)) < COIN)
    sent_wrong = np.cumsum(_hourly(wrong))
    mix_at = _first_mix_alarm(stream.similarity, tail)
    audits_at = _first_proof(_hourly(is_audited & wrong), _hourly(is_audited), limit)
    return Fate(
        is_broken=bool(wrong.sum() > limit * is_sent.sum()),
        by_mix=None if mix_at is None else int(sent_wrong[mix_at]),
        by_audits=None if audits_at is None else int(sent_wrong[audits_at]),
        wrong_sends=int(sent_wrong[-1]),
    )


def _first_mix_alarm(similarity: Floats, tail: LowTail) -> int | None:
    hours = similarity.reshape(-1, AN_HOUR)
    low = [tail.count(hour) for hour in hours]
    for hour in range(len(hours)):
        if mix_shift(low[: hour + 1], [AN_HOUR] * (hour + 1), tail.share).is_shifted:
            return hour
    return None


def _first_proof(wrong: Floats, audited: Floats, limit: float) -> int | None:
    counts = zip(np.cumsum(wrong), np.cumsum(audited), strict=True)
    for hour, (k, n) in enumerate(counts):
        if evidence_above(int(k), int(n), limit) >= PROVEN:
            return hour
    return None


def _calm(before: Mix, after: Mix, runs: int) -> Line:
    """How often the likeness watch alarms in two weeks in which nothing but the texts changed."""
    rng, alarms = np.random.default_rng([SEED, 99]), 0
    for _ in range(runs):
        tail = low_tail(before.drawn(rng, PILOT, CALIBRATED_FOREIGN).similarity)
        stream = after.drawn(rng, CALM_HOURS * AN_HOUR, CALIBRATED_FOREIGN)
        if tail is not None:
            hours = stream.similarity.reshape(-1, AN_HOUR)
            low = [tail.count(hour) for hour in hours]
            alarms += mix_shift(low, [AN_HOUR] * CALM_HOURS, tail.share).is_shifted
    share = alarms / runs
    return Line(
        "G12",
        "still 6 % foreign: suspended by the likeness watch in two weeks",
        percent(share),
        f"{runs:,} fortnights of 140,000",
        "≤ 5 %",
        share <= MISSED_AT_MOST,
        {"alarms": share},
    )


def _hourly(flags: Flags) -> Floats:
    counts: Floats = flags.reshape(-1, AN_HOUR).sum(axis=1).astype(np.float64)
    return counts
