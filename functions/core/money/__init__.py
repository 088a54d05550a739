"""Estimate the cost of videos, keep it within budgets, and sum it up.

Amounts are in the provider's credits. These are whole numbers, so nothing is lost by rounding. Users see USD.
"""

CREDITS_PER_USD = 2_000_000


def usd(credits_: int) -> float:
    """Return credits as US dollars."""
    return round(credits_ / CREDITS_PER_USD, 6)


def dollars(credits_: int) -> str:
    """Return credits as text: to the cent, or more exactly for less than a cent."""
    amount = credits_ / CREDITS_PER_USD
    return f"{amount:.2f} USD" if amount == 0 or abs(amount) >= 0.01 else f"{amount:.6f} USD"  # noqa: PLR2004 - a cent
