"""`greenlight simulate`: every figure comes from running; faults, people and books count as said."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from cli_runner import document, greenlight
from live_company import until

from agents.cli.context import demo_folder
from agents.cli.simulate import show
from agents.company import Company, load
from agents.simulating import experiment, measuring
from agents.simulating.draws import DRAFTING, STEPS
from agents.simulating.experiment import Laboratory
from agents.simulating.figures import LABEL, Plan, Results
from agents.simulating.judging import wrong_steps
from agents.simulating.line import Line
from agents.simulating.measuring import REPEATS
from agents.simulating.shop import Shop
from agents.simulating.variants import Case, alone
from store.settings import Settings

TICKETS = 40


class Bench:
    """The demo's line and shop, opened once for several experiments on the same tickets."""

    def __init__(self, line: Line, shop: Shop, company: Company) -> None:
        self.line, self.shop, self.company = line, shop, company
        self.tickets = asyncio.run(shop.open(1, TICKETS))
        self.labs: dict[float, Laboratory] = {}
        self.cases: dict[float, list[Case]] = {}

    def run(self, rate: float) -> Results:
        plan = Plan(TICKETS, rate, 1, 0.10, 1)
        lab = self.labs[rate] = Laboratory(plan, self.line, self.shop, self.company)

        async def experiment() -> Results:
            await lab.run(self.tickets, _quietly)
            by_repeat = {repeat: await lab.cases(repeat, _quietly) for repeat in REPEATS}
            self.cases[rate] = by_repeat[0.0]
            return await measuring.measure(plan, by_repeat, lab, _quietly)

        return asyncio.run(experiment())


def _quietly(what: str, done: int, total: int) -> None:
    assert done <= total, what


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    company = load(demo_folder())
    home = tmp_path_factory.mktemp("simulate")
    with closing(Settings(home=home).open()) as store, closing(Shop()) as shop:
        yield Bench(Line(company, store, shop), shop, company)


@pytest.fixture(scope="module")
def unharmed(bench: Bench) -> Results:
    return bench.run(0.0)


@pytest.fixture(scope="module")
def some(bench: Bench) -> Results:
    return bench.run(0.08)


@pytest.fixture(scope="module")
def many(bench: Bench) -> Results:
    return bench.run(0.25)


def test_without_faults_a_chain_does_what_the_pipeline_does(unharmed: Results) -> None:
    alone_served, alone_all = unharmed.variants[0], unharmed.variants_all[0]
    assert alone_served.committed_right.rate == 1.0
    assert (alone_all.committed_right.k, alone_all.tickets) == (unharmed.base.k, unharmed.base.n)
    assert 0.7 < (unharmed.base.rate or 0) < 1
    assert unharmed.steps_right.rate == unharmed.arithmetic == 1.0
    assert [one.injected for one in unharmed.caught] == [0] * len(STEPS)


def test_more_faults_make_every_variant_worse(
    unharmed: Results, some: Results, many: Results
) -> None:
    for none, few, lots in zip(unharmed.variants, some.variants, many.variants, strict=True):
        assert none.committed_right.k >= few.committed_right.k > lots.committed_right.k
    assert unharmed.steps_right.k > some.steps_right.k > many.steps_right.k


def test_all_variants_meet_the_same_faults(bench: Bench, some: Results, many: Results) -> None:
    few, lots = bench.cases[0.08], bench.cases[0.25]
    for one, other in zip(few, lots, strict=True):
        for tried, harder in zip(one.attempts, other.attempts, strict=True):
            assert tried.faults.items() <= harder.faults.items()
    assert {one.base.k for one in (some, many)} == {some.base.k}
    assert {one.tickets for one in some.variants} == {some.base.k}


def test_the_same_plan_gives_the_same_figures(bench: Bench, some: Results) -> None:
    assert bench.run(0.08).as_json() == some.as_json()


def test_an_injected_fault_is_a_wrong_step(bench: Bench, many: Results) -> None:
    assert many.plan.fault_rate == 0.25
    seen = set()
    for case in (one for one in bench.cases[0.25] if one.is_base_whole):
        for attempt in case.attempts:
            hit = attempt.faults.keys() & DRAFTING
            if len(hit) == 1 and not _is_only_handed_over(case):
                ticket = case.ticket
                wrong = wrong_steps(ticket.truth, attempt.made, ticket.customer_id, case.first_name)
                seen |= hit
                assert hit <= wrong, (ticket.text, hit, wrong)
    assert seen == DRAFTING


def _is_only_handed_over(case: Case) -> bool:
    """Nothing must be found for a request that is not ours, so no search for it is wrong."""
    return case.ticket.truth.intents == (None,) or not case.ticket.truth.sources


def test_a_wrong_argument_ends_up_in_the_books_and_is_judged_there(
    bench: Bench, many: Results
) -> None:
    lab = bench.labs[many.plan.fault_rate]
    hit = [
        case
        for case in bench.cases[0.25]
        if case.is_base_right and set(case.attempts[0].faults) == {"commit"}
    ]
    assert hit
    for case in hit:
        assert case.attempts[0].is_right
        assert not asyncio.run(lab.is_right(case, alone(case)))


def test_a_delivery_leaves_no_trace(bench: Bench, unharmed: Results) -> None:
    assert unharmed.variants[0].committed_right.k > 0
    totals = asyncio.run(bench.shop.call("ledger_totals", {})).result
    assert totals == {"entries": 0, "amount_minor": 0}


def test_what_a_person_gets_counts_as_right_and_as_escalated(some: Results) -> None:
    for one in (*some.variants[2:], *some.settings, *some.settings_all):
        assert one.committed_right.k == one.alone_right.k + one.escalated.k
        assert one.automatic.k + one.escalated.k + one.stopped == one.tickets
    for one in some.variants[:2]:
        assert one.escalated.k == 0
    assert some.variants[3].escalated.k > 0


def test_the_executor_stops_every_fault_of_gate_and_commit(many: Results) -> None:
    gate, commit = many.caught[-2:]
    assert (gate.step, commit.step) == ("gate", "commit")
    assert gate.harmful == gate.injected > 0
    assert commit.harmful > 0
    assert gate.flagged.rate == commit.flagged.rate == 1.0


def test_a_second_drafting_is_of_less_use_where_faults_repeat(many: Results) -> None:
    once, again = many.settings[3], many.settings[-1]
    assert (once.repeat, again.repeat, once.retries) == (0.0, 0.5, again.retries)
    assert once.gate is not None
    assert again.gate is not None
    assert (again.gate.auroc or 1) < (once.gate.auroc or 0)


def test_the_document_says_what_the_tables_say(
    some: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    show(some, as_json=True)
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    show(some, as_json=False)
    printed = " ".join(capsys.readouterr().out.split())
    for row in (*told["variants"], *told["variants_all"], *told["settings"]):
        assert _cell(row["committed_right"]) in printed
        assert f"{row['escalated']['rate']:.1%}" in printed
    assert f"All six steps right: {_cell(told['steps_right'])}" in printed
    for row in told["caught"]:
        assert f"{row['injected']} {row['harmful']}" in printed
    for sentence in told["claim"]["sentences"]:
        assert " ".join(sentence.split()) in printed
    assert told["label"] == LABEL
    assert LABEL in printed


def _cell(share: dict[str, Any]) -> str:
    if share["n"] < 30:
        return f"{share['k']} of {share['n']}"
    return f"{share['rate']:.1%} ({share['low'] * 100:.1f}–{share['high'] * 100:.1f})"


def test_the_command_writes_nothing_into_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("GREENLIGHT_HOME", str(home))
    told = document("simulate", "--tickets", 30, "--seed", 4, "--retries", 0)
    assert told["label"] == LABEL
    assert told["plan"] == {
        "tickets": 30, "fault_rate": 0.03, "retries": 0, "escalate": 0.1, "seed": 4,
    }  # fmt: skip
    assert [row["variant"] for row in told["variants"]] == [
        "chain alone", "+ retries", "+ gate", "+ gate and retries",
    ]  # fmt: skip
    assert not home.exists()


def test_few_tickets_are_counts_and_reach_nothing() -> None:
    few = ("simulate", "--tickets", 30, "--seed", 4, "--retries", 0)
    told = document(*few)
    row, served = told["variants"][-1], told["base"]["k"]
    assert served < 30
    assert {one["is_99"] for one in (*told["variants"], *told["settings"])} == {False}
    assert row["committed_right"]["high"] > 0.99
    printed = " ".join(greenlight(*few).stdout.split())
    counts = [
        f"{row[name]['k']} of {row[name]['n']}" for name in ("committed_right", "alone_right")
    ]
    assert f"+ gate and retries {' '.join(counts)}" in printed
    assert f"of {served} committed actions right with {row['escalated']['k']} escalated" in printed


def test_ctrl_c_is_heard_in_the_midst_of_it() -> None:
    heard: list[int] = []

    def interrupt(what: str, done: int, total: int) -> None:
        heard.append(done)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(experiment.run(Plan(30, 0.03, 1, 0.10, 1), load(demo_folder()), interrupt))
    assert heard == [1]


def test_ctrl_c_leaves_a_word(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "agents.cli", "simulate", "--tickets", "1500"]
    with subprocess.Popen(
        command, stdout=PIPE, stderr=PIPE, text=True, env=os.environ | {"TMPDIR": str(tmp_path)}
    ) as running:
        until(lambda: any(tmp_path.iterdir()), "the scratch folder")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, "")
    assert err.endswith("greenlight: Interrupted. Nothing was kept.\n")
    assert not any(tmp_path.iterdir())
