"""The demo's customers writing in: reproducible, spread over the day, never a story twice."""

import re
import tomllib
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import islice, product
from pathlib import Path
from random import Random

import pytest

import agents.demo
from agents.demo import phrases, vague
from agents.demo.questions import QUESTIONS
from agents.demo.scenarios import SCENARIOS
from agents.demo.stories import build
from agents.demo.tickets import TICKETS_PER_CHAPTER, DemoTicket, generate, stream
from agents.demo.wording import compose, expand, fill
from agents.demo.world import StoryKind, World

ANCHOR = date(2026, 11, 22)
END = datetime(2026, 11, 22, tzinfo=UTC)
COMPANY = Path(agents.demo.__path__[0]) / "company"
CONSUMING = {scenario.name for scenario in SCENARIOS if scenario.is_consuming}


def four_weeks(world: World, *, seed: int = 5, count: int = 700) -> list[DemoTicket]:
    return generate(world, seed=seed, count=count, start=END - timedelta(days=28), end=END)


@pytest.fixture(scope="module")
def world() -> World:
    return build(2026, ANCHOR)


@pytest.fixture(scope="module")
def tickets(world: World) -> list[DemoTicket]:
    return four_weeks(world)


def test_equal_arguments_give_equal_tickets(world: World, tickets: list[DemoTicket]) -> None:
    assert four_weeks(world) == tickets


def test_another_seed_gives_other_tickets(world: World, tickets: list[DemoTicket]) -> None:
    assert [t.text for t in four_weeks(world, seed=6)] != [t.text for t in tickets]


def test_tickets_come_in_order_and_in_time(tickets: list[DemoTicket]) -> None:
    times = [ticket.received_at for ticket in tickets]
    assert times == sorted(times)
    assert END - timedelta(days=28) <= times[0]
    assert times[-1] < END


def test_most_tickets_come_in_office_hours(tickets: list[DemoTicket]) -> None:
    office = [t for t in tickets if 8 <= t.received_at.hour < 19]
    assert len(office) > 0.7 * len(tickets)


def test_no_used_up_story_is_told_again(tickets: list[DemoTicket]) -> None:
    used: set[str | None] = set()
    for ticket in tickets:
        if ticket.truth.facts:
            assert ticket.customer_id not in used
        if ticket.truth.scenario in CONSUMING:
            used.add(ticket.customer_id)


def test_the_showcase_is_left_alone(world: World, tickets: list[DemoTicket]) -> None:
    shown = {story.customer_id for story in world.stories if story.is_showcase}
    assert not shown & {ticket.customer_id for ticket in tickets}


def test_no_ticket_tells_of_what_has_not_happened_yet(
    world: World, tickets: list[DemoTicket]
) -> None:
    begins = {story.customer_id: story.on for story in world.stories}
    for ticket in tickets:
        if ticket.truth.facts and ticket.customer_id:
            assert begins[ticket.customer_id] <= ticket.received_at.date()


def test_every_scenario_and_the_awkward_kinds_occur(world: World) -> None:
    seen = Counter(ticket.truth.scenario for ticket in four_weeks(world, count=2_000))
    assert {scenario.name for scenario in SCENARIOS} <= seen.keys()
    assert {"out_of_scope", "unclear", "hostile", "two_topics"} <= seen.keys()


def test_what_must_reach_a_person_is_a_tenth_or_so(world: World) -> None:
    def must_wait(ticket: DemoTicket) -> bool:
        truth = ticket.truth
        is_large = truth.kind == "refund" and truth.args["amount_minor"] > 10_000
        return truth.is_doubtful or truth.intents == (None,) or is_large

    waiting = sum(must_wait(ticket) for ticket in four_weeks(world, count=2_000))
    assert 0.06 < waiting / 2_000 < 0.14


def test_no_slot_is_left_open(tickets: list[DemoTicket]) -> None:
    assert not [t.text for t in tickets if re.search(r"[{}|]", t.text)]


def test_the_queue_never_sees_the_truth(tickets: list[DemoTicket]) -> None:
    new = tickets[0].as_new()
    assert new.text == tickets[0].text
    assert new.extra == {}


def test_the_stream_goes_on_with_the_next_chapter() -> None:
    worlds = (build(2026, ANCHOR, chapter) for chapter in (1, 2))
    written = list(islice(stream(worlds, seed=1, now=lambda: END), TICKETS_PER_CHAPTER + 40))
    assert len({ticket.external_id for ticket in written}) == len(written)
    assert written[-1].external_id.startswith("live-1-2-")


def test_a_chapter_with_no_story_left_says_so() -> None:
    world = build(2026, ANCHOR)
    world.stories = [story for story in world.stories if story.kind is StoryKind.LOST][:3]
    with pytest.raises(RuntimeError, match="next chapter"):
        generate(world, seed=1, count=50, start=END - timedelta(days=1), end=END)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _every_way(phrase: str) -> set[str]:
    """Expand all choices of a phrase, with a plain word in each slot."""
    parts = re.split(r"\(([^()]*\|[^()]*)\)", phrase)
    choices = [part.split("|") if at % 2 else [part] for at, part in enumerate(parts)]
    return {_plain(re.sub(r"\{\w+\}", "thing", "".join(one))) for one in product(*choices)}


def test_no_example_of_the_company_is_what_a_customer_says() -> None:
    file = tomllib.loads((COMPANY / "greenlight.toml").read_text(encoding="utf-8"))
    examples = [text for intent in file["intents"] for text in intent["examples"]]
    learned = {_plain(text) for text in examples + file["out_of_scope"]["examples"]}
    said = [
        phrase
        for name in dir(phrases)
        if name.isupper() and name not in ("OPENERS", "CLOSERS", "WITH_ORDER", "SUBJECTS")
        for phrase in getattr(phrases, name)
    ]
    said += [phrase for question in QUESTIONS for phrase in question.phrases]
    badly_put = (*vague.SAID.values(), *vague.ASKED.values())
    said += [phrase for several in badly_put for phrase in several]
    assert not learned & {way for phrase in said for way in _every_way(phrase)}


def test_a_choice_is_one_of_its_parts() -> None:
    assert expand("(a|b) c", Random(1)) in ("a c", "b c")
    assert expand("Is it (still|) there?", Random(3)) in ("Is it still there?", "Is it there?")


def test_slips_never_touch_what_a_slot_holds() -> None:
    rng = Random(4)
    texts = [compose("Where is {item}", {"item": "elephant"}, rng, names_order=False)
             for _ in range(300)]  # fmt: skip
    assert all("elephant" in text for text in texts)


def test_an_unknown_slot_is_an_error() -> None:
    with pytest.raises(KeyError):
        fill("{nothing}", {})
