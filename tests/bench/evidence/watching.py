"""G7: how soon a worse error rate is noticed. Exact, for the CUSUM that the product tunes."""

from collections.abc import Iterator

from bench.evidence.report import Line, percent

from store.evidence.drift import Cusum

AUDITS_A_DAY, USUAL, DOUBLED = 150, 0.01, 0.02
NOTICED_DAYS, FALSE_ALARM_DAYS = 8.0, 365.0


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
