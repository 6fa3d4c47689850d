"""`make bench-evidence` in small: that it scores, judges and reports as it says, and can say no."""

import itertools
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bench.evidence import __main__ as bench
from bench.evidence import (
    data,
    guarantee,
    other_mix,
    quality,
    recorded,
    report,
    sampling_goals,
    watching,
)
from bench.evidence.data import FOREIGN, Corpus, Requests
from bench.evidence.drafts import Drafts, Reader, assembled, scored
from bench.evidence.population import Kept, Population, chance_broken
from bench.evidence.report import Line
from threadpoolctl import threadpool_limits

from agents.models.encoder import Encoder, Matrix
from store.evidence.intervals import Interval, wilson

FOLDER = os.environ.get("GREENLIGHT_REALDATA")
HAS_DATA = FOLDER is not None and not data.missing(Path(FOLDER))


TOPICS = {
    "refund": ("money back please", "refund my order", "return the money", "want a refund"),
    "delivery": ("where is the parcel", "delivery is late", "track my parcel", "parcel missing"),
    "password": ("reset my password", "cannot sign in", "login fails", "forgot the password"),
}


@pytest.fixture(autouse=True)
def one_core() -> Iterator[None]:
    """Small matrices: more threads only fight, here as in the bench."""
    with threadpool_limits(1):
        yield


class Letters:
    """Stands for the encoder's library: counts of letters, which tell these topics apart."""

    def encode(self, texts: list[str]) -> Matrix:
        rows = [[text.count(letter) + 0.01 for letter in "abcdefghilmnoprstuw"] for text in texts]
        return np.array(rows, dtype=np.float32)


def requests(repeats: int, *, mistaken: int = 0) -> Requests:
    """Texts of three topics; every so many-th carries the next topic's name."""
    pairs = [
        (f"{text} {number}", intent)
        for number in range(repeats)
        for intent, texts in TOPICS.items()
        for text in texts
    ]
    names = [*TOPICS, *TOPICS]
    told = [
        names[names.index(intent) + 1] if mistaken and at % mistaken == 0 else intent
        for at, (_, intent) in enumerate(pairs)
    ]
    return Requests(tuple(text for text, _ in pairs), tuple(told))


def foreign(count: int) -> Requests:
    return Requests(tuple(f"zzz qqq {n}" for n in range(count)), (FOREIGN,) * count)


def population(n: int = 4_000, *, seed: int = 5) -> Population:
    """Calibrated confidences: a draft is wrong as often as it says."""
    rng = np.random.default_rng(seed)
    confidence = 1 - rng.beta(0.3, 4, n)
    return Population("banking77", confidence, rng.random(n) > confidence)


def test_drafts_have_the_signals_of_the_product_and_a_foreign_request_is_always_wrong() -> None:
    reader = Reader(requests(4), Encoder(Letters()))
    drafts = reader.draft(requests(1) + foreign(3))
    assert drafts.signals.shape == (15, 5)
    assert np.isfinite(drafts.signals).all()
    assert drafts.is_foreign.tolist() == [False] * 12 + [True] * 3
    assert not drafts.is_wrong[:12].any()
    assert drafts.is_wrong[12:].all()


def test_what_was_scored_once_comes_from_the_cache_and_other_texts_do_not(tmp_path: Path) -> None:
    class Counting(Letters):
        asked = 0

        def encode(self, texts: list[str]) -> Matrix:
            Counting.asked += len(texts)
            return super().encode(texts)

    nothing = Requests((), ())
    corpus = Corpus("small", requests(40, mistaken=5), nothing, nothing, requests(3) + foreign(4))
    first = scored(corpus, Encoder(Counting()), tmp_path)
    asked = Counting.asked
    again = scored(corpus, Encoder(Counting()), tmp_path)
    assert asked > 0
    assert Counting.asked == asked
    assert np.array_equal(again.held_out.signals, first.held_out.signals)
    assert again.stack == first.stack
    other = Corpus("small", corpus.train, nothing, nothing, requests(2) + foreign(4))
    assert len(scored(other, Encoder(Counting()), tmp_path).held_out) == 28
    assert Counting.asked > asked


def test_a_certified_threshold_keeps_its_promise_where_a_naive_one_breaks_it() -> None:
    broken, coverage = list(guarantee.promises([population()], 80))[2:]
    assert broken.figures["broken"] == broken.figures["worst"]
    assert float(broken.figures["worst"] or 0) <= 0.05 < float(broken.figures["naive"] or 0)
    assert 0 < float(coverage.figures["coverage"] or 0) < float(coverage.figures["oracle"] or 0)


def test_shuffled_confidences_are_refused_and_a_broken_promise_is_not_called_met() -> None:
    assert guarantee.refusal(population(), 20).is_met
    everything = Kept.of([(0.5, 0.9, 0.03), (None, 0.0, 0.0)], 0.02)
    assert (everything.broken, everything.coverage, everything.abstained) == (0.5, 0.45, 0.5)


def test_the_exact_chance_of_a_broken_promise_is_what_many_draws_come_to() -> None:
    drafts = Population("flat", np.full(1_000, 0.95), np.arange(1_000) < 12)  # 1.2 % wrong
    chance = chance_broken(drafts, 0.01, 700, 0.9)
    wrong = np.random.default_rng(2).binomial(700, 0.012, 100_000)
    assert chance == pytest.approx(np.mean(wrong <= 2), abs=0.002)  # 2 wrong of 628 still pass
    assert chance_broken(drafts, 0.012, 700, 0.9) == 0.0


def test_the_chance_of_ever_being_wrong_is_that_of_all_streams() -> None:
    def bounds(k: int, n: int) -> Interval | None:
        return wilson(k, n, 0.6)

    rate, looks = 0.3, 9
    missed = 0.0
    for stream in itertools.product((0, 1), repeat=looks):
        chance = rate ** sum(stream) * (1 - rate) ** (looks - sum(stream))
        inside = [wilson(sum(stream[:n]), n, 0.6) for n in range(1, looks + 1)]
        missed += chance * any(i is None or not i.low <= rate <= i.high for i in inside)
    assert sampling_goals.ever_wrong(bounds, rate, looks) == pytest.approx(missed, abs=1e-12)


def test_samples_reviewers_and_drift_meet_their_goals_in_small() -> None:
    lines = [
        *sampling_goals.weighted(600),
        *sampling_goals.reviewers(600),
        *watching.drift(),
        quality.adding_up(20),
    ]
    assert report.not_met(lines) == []
    unweighted = [line.figures["unweighted"] for line in lines if "unweighted" in line.figures]
    assert all(bias is not None and bias < -0.15 for bias in unweighted)


def test_hindsight_is_the_greatest_share_of_the_surest_drafts_within_the_limit() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    wrong = np.array([False, True, False, False, True])
    assert quality.hindsight(confidence, wrong, 0.25) == 0.8
    assert quality.hindsight(confidence, ~wrong, 0.1) == 0.0


def test_another_mix_suspends_a_certificate_and_the_same_one_does_not() -> None:
    rng = np.random.default_rng(3)

    def drafts(own: int, strange: int) -> Drafts:
        is_foreign = np.arange(own + strange) >= own
        sure = np.where(
            is_foreign, rng.normal(0, 1.5, own + strange), rng.normal(4, 1, own + strange)
        )
        is_wrong = is_foreign | (rng.random(own + strange) > 1 / (1 + np.exp(-sure)))
        likeness = np.clip(np.where(is_foreign, 0.4, 0.8) + 0.05 * sure, -1, 1)
        signals = np.column_stack([sure, sure, sure, sure, likeness])
        return Drafts(signals, is_wrong, is_foreign)

    known = assembled("small", drafts(2_000, 120), drafts(1_500, 0), drafts(1_500, 300))
    *shifted, calm = other_mix.lines(known, 1)
    assert [line.figures["missed"] for line in shifted] == [0.0] * len(shifted)
    assert shifted
    assert calm.figures["alarms"] == 0.0


def test_health_of_steps_is_counted_apart_from_being_right() -> None:
    runs = [
        {"task_id": task, "trial": trial, "outcome": outcome, "steps": [{"name": "pay", "status": status}]}
        for task, trial, outcome, status in [
            (1, 0, "success", "error"), (1, 1, "failure", "ok"),
            (2, 0, "failure", "ok"), (2, 1, "failure", "ok"),
        ]
    ]  # fmt: skip
    found = recorded.figures(runs)
    assert (found["right"], found["failed_without_step_error"]) == (1, 3)
    assert (found["without_step_error"], found["health_product"]) == (0.75, 0.75)
    assert "too few to compare" in recorded.versus(runs, 0, 1).measured


def test_the_report_says_what_was_not_met(tmp_path: Path) -> None:
    lines = [
        Line("G1", "kept | broken", "6.0 %", "500", "≤ 5 %", False, {"broken": 0.06}),
        Line("G2", "sent", "90 %", "500", "≥ 80 %", True),
        Line("G8", "had the mix stayed", "1 %", "500"),
    ]
    rows = report.table(lines).splitlines()
    assert rows[2] == "| G1 | kept \\| broken | ≤ 5 % | 6.0 % | 500 | NOT MET |"
    assert [row.rsplit("| ", 1)[1] for row in rows[3:]] == ["met |", "told |"]
    assert report.not_met(lines) == ["G1 kept | broken: 6.0 %"]
    report.write(tmp_path / "found.json", lines, quick=True)
    document = json.loads((tmp_path / "found.json").read_text())
    assert (document["ok"], document["quick"]) == (False, True)
    assert document["lines"][0]["figures"] == {"broken": 0.06}


def test_without_the_data_it_says_what_is_missing_and_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "clinc150").mkdir()
    (tmp_path / "clinc150" / "data.json").write_text("{}")
    monkeypatch.setattr(sys, "argv", ["bench.evidence"])
    for folder in (None, tmp_path):
        if folder is None:
            monkeypatch.delenv("GREENLIGHT_REALDATA", raising=False)
        else:
            monkeypatch.setenv("GREENLIGHT_REALDATA", str(folder))
        with pytest.raises(SystemExit) as left:
            bench.main()
        assert left.value.code == 2
    said = capsys.readouterr().err
    assert "banking77/train.csv" in said
    assert said.count("  clinc150/data.json\n") == 1  # missing at first only
    assert "GREENLIGHT_REALDATA=/that/folder make bench-evidence" in said


@pytest.mark.skipif(not HAS_DATA, reason="no real data here")
def test_recorded_runs_give_the_published_figures() -> None:
    assert FOLDER is not None
    *told, versus = recorded.lines(data.recorded_runs(Path(FOLDER)))
    assert told[0].is_met
    assert versus.is_met


@pytest.mark.skipif(not HAS_DATA, reason="no real data here")
def test_a_small_sample_of_real_requests_keeps_the_promise(tmp_path: Path) -> None:
    from agents.models.encoder import open_encoder

    assert FOLDER is not None
    encoder = open_encoder()
    assert encoder is not None
    whole = data.banking77(Path(FOLDER))
    some = sorted(set(whole.train.intents))[:15]
    train, held_out = (
        part.at([at for at, intent in enumerate(part.intents) if intent in some])
        for part in (whole.train, whole.held_out)
    )
    corpus = Corpus(whole.name, train, whole.spare, whole.spare, held_out)
    known = scored(corpus, encoder, tmp_path, most=500)
    assert 0.01 < known.held_out.is_wrong.mean() < 0.3
    lines = list(guarantee.promises([Population.of(known)], 200))
    assert all(line.is_met for line in lines if "broken" in line.figures)
