"""Numbers as they are shown: so many decimals, or as a power of ten where those say nothing."""

import math

from chainrule.equations.boxes import Figure

DECIMALS = 6
DIGITS = 4  # of a number that is shown with a power of ten
ENOUGH = 4  # decimals from which on small numbers are shown with a power of ten
LARGEST = 1e7


def figure(value: float, decimals: int = DECIMALS) -> Figure:
    """A number with at most so many decimals.

    From four decimals on, one that would keep fewer than two digits has a power of ten.

    >>> figure(-0.18399999999).text, figure(0.5).text, figure(1.25e-9).text
    ('−0.184', '0.5', '1.25e−9')
    """
    value = float(value)
    if not math.isfinite(value):
        words = {math.inf: "∞", -math.inf: "−∞"}
        return Figure(words.get(value, "NaN"), value)
    written = f"{value:.{decimals}f}"
    size = abs(value)
    small = decimals >= ENOUGH and size < 10.0 ** (1 - decimals)
    if value and (size >= LARGEST or small):
        exact = abs(float(written) - value) <= 1e-9 * size
        if not exact or size >= LARGEST:
            digits, _, power = f"{value:.{DIGITS - 1}e}".partition("e")
            return Figure(f"{_short(digits)}e{int(power)}".replace("-", "−"), value)
    return Figure(_short(written).replace("-", "−"), value)


def _short(digits: str) -> str:
    """Without zeros at the end, and without the sign of a zero."""
    short = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return "0" if short == "-0" else short


def parsed(text: str) -> float:
    """The number that a figure's text says."""
    plain = text.replace("−", "-")
    return {"∞": math.inf, "-∞": -math.inf}.get(plain) or float(plain)
