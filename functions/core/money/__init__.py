"""What videos cost: known before, counted after, and kept within budgets.

Amounts are the provider's credits, whole numbers, so that nothing is lost by rounding; who reads them sees USD.
"""

CREDITS_PER_USD = 2_000_000


def usd(credits_: int) -> float:
    """Credits as US dollars."""
    return round(credits_ / CREDITS_PER_USD, 6)


def dollars(credits_: int) -> str:
    """Credits as people read them: to the cent, and finer where that is all there is."""
    amount = credits_ / CREDITS_PER_USD
    return f"{amount:.2f} USD" if amount == 0 or abs(amount) >= 0.01 else f"{amount:.6f} USD"  # noqa: PLR2004 - a cent
