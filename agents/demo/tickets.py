"""The demo's customers writing in: seeded tickets whose truth is known.

`generate` fills a span of time with office-hours density, `stream` goes on for ever. A story that a
right answer would use up (a duplicate refunded, an order cancelled) is told once only.
"""

from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, TypeVar

from agents.demo import phrases, vague
from agents.demo.cast import address
from agents.demo.hours import moments
from agents.demo.ledger import new_chapters
from agents.demo.questions import QUESTIONS, Question
from agents.demo.scenarios import (
    HOSTILE_WEIGHT,
    OUT_OF_SCOPE_WEIGHT,
    QUESTION_WEIGHT,
    SCENARIOS,
    TWO_TOPICS_WEIGHT,
    UNCLEAR_WEIGHT,
    Scenario,
    Telling,
)
from agents.demo.truth import TicketTruth
from agents.demo.wording import compose, expand
from agents.demo.world import Story, StoryKind, World
from store.money import Money

if TYPE_CHECKING:
    from store.queue import NewTicket

T = TypeVar("T")
TICKETS_PER_CHAPTER = 700  # of the live stream, before the next cast of customers takes over
_RECENT = 12  # a customer writes about one of this many latest stories of a kind
_AS_IT_SEEMS = 0.15  # of the doubtful cases
_VAGUE = 0.15  # of the stories and questions are put so badly that one could ask back


@dataclass(frozen=True, slots=True)
class DemoTicket:
    """A ticket and, apart from it, its truth, which the pipeline never sees."""

    external_id: str
    text: str
    subject: str
    customer_id: str | None
    received_at: datetime
    truth: TicketTruth

    def as_new(self) -> "NewTicket":
        """Return the ticket as the queue takes it, without the truth."""
        from store.queue import NewTicket

        return NewTicket(
            text=self.text,
            external_id=self.external_id,
            customer_id=self.customer_id,
            subject=self.subject,
            received_at=self.received_at,
        )


def generate(
    world: World, *, seed: int, count: int, start: datetime, end: datetime
) -> list[DemoTicket]:
    """Return `count` tickets between the two times, oldest first, the same for equal arguments."""
    rng = Random(f"{seed}:{world.seed}:{world.chapter}")  # noqa: S311
    author = _Author(world, rng, f"demo-{seed}-{world.chapter}")
    return [author.write(at) for at in moments(rng, count, start, end)]


def stream(
    worlds: Iterator[World], *, seed: int, now: Callable[[], datetime]
) -> Iterator[DemoTicket]:
    """Yield tickets for ever (as long as there are worlds), received at the moment of asking."""
    for world in worlds:
        rng = Random(f"{seed}:{world.seed}:{world.chapter}")  # noqa: S311
        author = _Author(world, rng, f"live-{seed}-{world.chapter}")
        for _ in range(TICKETS_PER_CHAPTER):
            yield author.write(now())


def live(home: Path, *, seed: int = 1) -> Iterator[DemoTicket]:
    """Yield tickets for ever about ever new customers, who are put into the home's ledger."""
    return stream(new_chapters(home), seed=seed, now=lambda: datetime.now(UTC))


@dataclass(slots=True)
class _Author:
    """Writes one ticket after another about one world, remembering whose story is used up."""

    world: World
    rng: Random
    prefix: str
    written: int = 0
    used: set[str] = field(default_factory=set)  # customers
    by_kind: dict[StoryKind, list[Story]] = field(default_factory=dict)
    everybody: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for story in sorted(self.world.stories, key=lambda story: story.on):
            if not story.is_showcase:
                self.everybody.append(story.customer_id)
                self.by_kind.setdefault(story.kind, []).append(story)

    def write(self, at: datetime) -> DemoTicket:
        self.written += 1
        kinds: list[tuple[float, Callable[[datetime], DemoTicket]]] = [
            (sum(one.weight for one in SCENARIOS), self._about_a_story),
            (QUESTION_WEIGHT, self._question),
            (OUT_OF_SCOPE_WEIGHT, self._out_of_scope),
            (UNCLEAR_WEIGHT, self._unclear),
            (HOSTILE_WEIGHT, self._hostile),
            (TWO_TOPICS_WEIGHT, self._two_topics),
        ]
        return _weighted(self.rng, kinds)(at)

    def _ticket(
        self, at: datetime, text: str, customer_id: str | None, truth: TicketTruth
    ) -> DemoTicket:
        subjects = phrases.SUBJECTS.get(truth.intents[0] or "", ("", "Question"))
        return DemoTicket(
            external_id=f"{self.prefix}-{self.written:05d}",
            text=text,
            subject=self.rng.choice(subjects) if self.rng.random() < 0.4 else "",
            customer_id=customer_id,
            received_at=at,
            truth=truth,
        )

    def _story(self, scenario: Scenario, today: date) -> Story | None:
        """Choose one of the latest stories that fit; None when all are told."""
        fitting = [
            story
            for kind in scenario.kinds
            for story in self.by_kind.get(kind, ())
            if story.customer_id not in self.used and story.on <= today
        ]
        return self.rng.choice(fitting[-_RECENT:]) if fitting else None

    def _about_a_story(self, at: datetime) -> DemoTicket:
        text, story, truth = self._tell(at)
        return self._ticket(at, text, story.customer_id, truth)

    def _tell(self, at: datetime) -> tuple[str, Story, TicketTruth]:
        """Choose scenario and story, put them into words; raise RuntimeError if nothing is left."""
        for _ in range(200):
            scenario = _weighted(self.rng, [(one.weight, one) for one in SCENARIOS])
            story = self._story(scenario, at.date())
            if story is not None:
                break
        else:
            raise RuntimeError("every story of this chapter is told; take the next chapter")
        if scenario.is_consuming:
            self.used.add(story.customer_id)
        said = self._said(scenario.phrases, vague.SAID.get(scenario.name, ()))
        phrase = expand(said, self.rng)
        slots = self._slots(story)
        names_order = story.order_id is not None and self.rng.random() < scenario.order_share
        is_as_it_seems = self.rng.random() < _AS_IT_SEEMS
        telling = Telling(self.world, story, slots["address"], names_order, is_as_it_seems)
        text = compose(phrase, slots, self.rng, names_order=names_order)
        return text, story, scenario.truth(telling)

    def _said(self, plain: tuple[str, ...], badly_put: tuple[str, ...]) -> str:
        is_vague = badly_put and self.rng.random() < _VAGUE
        return self.rng.choice(badly_put if is_vague else plain)

    def _slots(self, story: Story) -> dict[str, str]:
        slots = {"address": address(self.rng), "order": "", "item": "order", "amount": "the amount"}
        slots["month"] = f"{story.on:%B}"
        if story.order_id is not None:
            order = self.world.story_order(story)
            shown = Money(order.total_minor, "EUR")
            euros = (str(shown), f"{shown.decimal()} EUR", f"{shown.decimal()} euros")
            slots |= {"order": order.id, "item": order.items[0].name}
            slots |= {"amount": self.rng.choice(euros), "month": f"{order.placed_at:%B}"}
        return slots

    def _question(self, at: datetime) -> DemoTicket:
        question = self.rng.choice(QUESTIONS)
        text, truth = self._ask(question)
        is_stranger = question.intent not in _FOR_CUSTOMERS and self.rng.random() < 0.15
        return self._ticket(at, text, None if is_stranger else self._anybody(), truth)

    def _ask(self, question: Question) -> tuple[str, TicketTruth]:
        slots = {"item": self.rng.choice(_ITEMS)}
        said = self._said(question.phrases, vague.ASKED.get(question.intent, ()))
        text = compose(said, slots, self.rng, names_order=False)
        truth = TicketTruth(
            scenario=question.section,
            intents=(question.intent,),
            sources=(question.section,),
            mentions=(question.fragment,),
        )
        return text, truth

    def _anybody(self) -> str:
        return self.rng.choice(self.everybody)

    def _loose(self, at: datetime, scenario: str, said: tuple[str, ...]) -> DemoTicket:
        text = compose(self.rng.choice(said), {}, self.rng, names_order=False)
        customer_id = self._anybody() if self.rng.random() < 0.7 else None
        return self._ticket(at, text, customer_id, TicketTruth(scenario=scenario, intents=(None,)))

    def _out_of_scope(self, at: datetime) -> DemoTicket:
        return self._loose(at, "out_of_scope", phrases.OUT_OF_SCOPE)

    def _unclear(self, at: datetime) -> DemoTicket:
        return self._loose(at, "unclear", phrases.UNCLEAR)

    def _hostile(self, at: datetime) -> DemoTicket:
        return self._loose(at, "hostile", phrases.HOSTILE)

    def _two_topics(self, at: datetime) -> DemoTicket:
        """Two requests in one message: right is only a draft that serves both."""
        first, story, truth = self._tell(at)
        second, more = self._ask(self.rng.choice(QUESTIONS))
        both = truth.model_copy(
            update={
                "scenario": "two_topics",
                "intents": truth.intents + more.intents,
                "mentions": truth.mentions + more.mentions,
            }
        )
        joint = self.rng.choice((" And another question: ", " Also: ", " By the way, "))
        return self._ticket(at, first + joint + second, story.customer_id, both)


_FOR_CUSTOMERS = ("warranty_claim", "exchange_item")  # strangers' questions go to a person
_ITEMS = ("jacket", "fleece", "hiking boots", "gloves", "base layer shirt", "trousers", "backpack")


def _weighted(rng: Random, choices: list[tuple[float, T]]) -> T:
    totals = list(accumulate(weight for weight, _ in choices))
    return choices[bisect(totals, rng.random() * totals[-1])][1]
