"""Money as integer minor units with a currency. Never a float, anywhere.

`Money.parse("19.99", "EUR")` is 1999 minor units; a value with more decimals than the currency has
is refused rather than rounded.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from store.errors import BadInput

_DECIMALS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "BHD": 3, "KWD": 3, "TND": 3}
_AMOUNT = re.compile(r"-?(\d{1,18}|\d{1,3}(,\d{3}){1,5})(\.\d{1,9})?", re.ASCII)
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}


def decimals(currency: str) -> int:
    """Return how many minor-unit digits the currency has (2 unless ISO 4217 says otherwise)."""
    return _DECIMALS.get(currency, 2)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An exact amount: `amount_minor` in the currency's smallest unit."""

    amount_minor: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> Self:
        """Read a decimal such as `1,234.50`; raise BadInput for what is not exact money.

        A comma separates thousands only: `84,90` is refused, for it would be read as 8490.
        """
        if not _AMOUNT.fullmatch(text.strip()):
            raise BadInput(f"`{text}` is not an amount. Write it like 84.90.")
        scaled = Decimal(text.replace(",", "").strip()).scaleb(decimals(currency))
        if scaled != scaled.to_integral_value():
            raise BadInput(
                f"`{text}` has more decimals than {currency} has; it has {decimals(currency)}."
            )
        return cls(int(scaled), currency)

    def decimal(self) -> str:
        """Return the plain decimal, such as `84.90`, which `parse` reads back unchanged."""
        digits = decimals(self.currency)
        return f"{Decimal(self.amount_minor).scaleb(-digits):.{digits}f}"

    def __str__(self) -> str:
        digits = decimals(self.currency)
        sign = "-" if self.amount_minor < 0 else ""
        number = f"{Decimal(abs(self.amount_minor)).scaleb(-digits):,.{digits}f}"
        symbol = _SYMBOLS.get(self.currency)
        return f"{sign}{symbol}{number}" if symbol else f"{sign}{number} {self.currency}"
