"""Fractions as pairs of whole numbers: their one rounding, and how they are written down."""

from math import gcd

SHOWN_DIGITS = 6


def rounded(numerator: int, over: int, how: str) -> int:
    """Whole points of a fraction: "floor", "half_up" or "ceil"."""
    if how == "floor":
        return numerator // over
    if how == "ceil":
        return -(-numerator // over)
    assert how == "half_up", how
    return (2 * numerator + over) // (2 * over)


def exactly(numerator: int, over: int) -> str:
    """A fraction in lowest terms as text that `Fraction` reads: "7" or "15/2"."""
    common = gcd(numerator, over)
    below = over // common
    return str(numerator // common) if below == 1 else f"{numerator // common}/{below}"


def shown(numerator: int, over: int) -> str:
    """A fraction as a decimal of at most six digits after the point, for people."""
    scaled = rounded(abs(numerator) * 10**SHOWN_DIGITS, over, "half_up")
    whole, part = divmod(scaled, 10**SHOWN_DIGITS)
    text = f"{whole}.{part:06}".rstrip("0").rstrip(".")
    return f"-{text}" if numerator < 0 and scaled else text
