"""The customers whom the README, the tests and the command line name. Pure."""

from dataclasses import dataclass

from agents.demo.world import StoryKind, World


@dataclass(frozen=True, slots=True)
class Showcase:
    """Customer ids, each with a money story in the last May; ticket streams leave them alone."""

    ambiguous: str  # two orders of the same amount: nobody can tell from the data
    duplicate_below_limit: str  # a true duplicate of at most 100.00
    duplicate_above_limit: str  # a true duplicate above 100.00
    hold: str  # captured once, the other line drops off by itself
    annual_and_monthly: str  # two fees, both due


def showcase(world: World) -> Showcase:
    """Name the showcase customers of chapter 0; raise KeyError for a later chapter."""
    by_kind = {story.kind: story.customer_id for story in world.stories if story.is_showcase}
    return Showcase(
        ambiguous=by_kind[StoryKind.TWO_ORDERS],
        duplicate_below_limit=by_kind[StoryKind.DUPLICATE_SMALL],
        duplicate_above_limit=by_kind[StoryKind.DUPLICATE_LARGE],
        hold=by_kind[StoryKind.HOLD],
        annual_and_monthly=by_kind[StoryKind.ANNUAL_AND_MONTHLY],
    )
