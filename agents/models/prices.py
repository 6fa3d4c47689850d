"""What tokens cost, by model and date. Edit the table when a price changes; old rows stay, so that
past calls keep their price.

Rates are nano-dollars per token: $2.00 per million tokens is 2,000. Pure integers, never floats.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from store.errors import BadInput


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one call, as they are billed."""

    input: int = 0
    output: int = 0
    cache_write: int = 0
    cache_read: int = 0

    @property
    def prompt(self) -> int:
        """All that went in, cached or not."""
        return self.input + self.cache_write + self.cache_read


@dataclass(frozen=True, slots=True)
class Price:
    """Nano-dollars per token of one model from a day on, for prompts from so many tokens up."""

    model: str
    valid_from: datetime
    input: int
    output: int
    cache_write: int  # kept for five minutes
    cache_read: int
    prompt_from: int = 0


_LISTED = datetime(2026, 11, 22, tzinfo=UTC)  # the day the list prices below were looked up

PRICES: tuple[Price, ...] = (
    Price("claude-fable-5-1", _LISTED, 10_000, 50_000, 12_500, 1_000),
    Price("claude-opus-5-5", _LISTED, 4_000, 20_000, 5_000, 200),
    Price("claude-sonnet-5-5", _LISTED, 2_000, 10_000, 2_500, 200),
    Price("claude-haiku-5-5", _LISTED, 100, 500, 125, 10),
    Price("claude-haiku-5-5", _LISTED, 500, 2_500, 625, 50, prompt_from=100_001),
    Price("claude-opus-5", _LISTED, 5_000, 25_000, 6_250, 500),
    Price("claude-sonnet-5", _LISTED, 2_000, 10_000, 2_500, 200),
    Price("claude-haiku-4-5", _LISTED, 1_000, 5_000, 1_250, 100),
)


def cost_microusd(model: str, tokens: Tokens, at: datetime) -> int:
    """Return the list price of a call in millionths of a dollar, rounded up.

    A dated name such as `claude-haiku-5-5-20261001` costs what its family costs. A call before the
    first row is priced by it. Raises BadInput for a model without a price.
    """
    price = _price(model, tokens.prompt, at)
    nano = (
        tokens.input * price.input
        + tokens.output * price.output
        + tokens.cache_write * price.cache_write
        + tokens.cache_read * price.cache_read
    )
    return -(-nano // 1000)


def _price(model: str, prompt: int, at: datetime) -> Price:
    families = {price.model for price in PRICES if _is_of(model, price.model)}
    if not families:
        raise BadInput(
            f"No price is known for the model `{model}`, so its cost could not be shown."
            " Add a row for it to agents/models/prices.py, or choose a model that has one."
        )
    family = max(families, key=len)
    rows = [row for row in PRICES if row.model == family and prompt >= row.prompt_from]
    begun = [row for row in rows if row.valid_from <= at]
    if begun:
        return max(begun, key=lambda row: (row.valid_from, row.prompt_from))
    return min(rows, key=lambda row: (row.valid_from, -row.prompt_from))


def _is_of(model: str, family: str) -> bool:
    return model == family or model.startswith(f"{family}-2")  # a family's name, then a date
