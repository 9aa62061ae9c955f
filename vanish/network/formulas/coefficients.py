"""From the tokens of a coefficient to its tree: numbers, layers and roots, times and over.

number   = factor {["*" | "/"] factor}
factor   = NUMBER | "layers" | ["sqrt"] "(" number ")"
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.network.formulas.tree import FUNCTIONS, Factor, number

if TYPE_CHECKING:
    from vanish.errors import UsageError
    from vanish.network.formulas.source import Cursor
    from vanish.network.formulas.tree import Coefficient

# The words of coefficients.
NUMBERS = ("layers", "sqrt")

# Products of such a number with others, and its inverse, are numbers of float64.
_LEAST, _LARGEST = 1e-300, 1e300


def starts_number(cursor: Cursor, ahead: int = 0) -> bool:
    """Tell whether a coefficient begins, or goes on, with the token behind so many others."""
    tokens = cursor.rest[ahead:]
    if tokens[0].kind == "number" or tokens[0].text in NUMBERS:
        return True
    if tokens[0].text != "(":
        return False
    # A bracket is a coefficient's if there is a number and no letter in it.
    depth, numbers = 0, False
    for each in tokens:
        depth += {"(": 1, ")": -1}.get(each.text, 0)
        if depth == 0:
            break
        if each.kind == "letter" or each.text in FUNCTIONS:
            return False
        numbers = numbers or each.kind == "number" or each.text == "layers"
    return numbers


def read_number(cursor: Cursor) -> Coefficient:
    """Return the tree of the coefficient that comes, and move behind it.

    Raises
    ------
    UsageError
        If there is none, or its value is not between 1e-300 and 1e300.
    """
    with cursor.deeper("brackets"):
        start, factors = cursor.token, [_factor(cursor, "")]
        while True:
            if starts_number(cursor):
                factors.append(_factor(cursor, " "))
            elif cursor.takes("/"):
                if not starts_number(cursor):
                    raise cursor.fault(
                        cursor.token,
                        "a term is divided by numbers, layers and sqrt(...) only, before its"
                        " first letter: write 1/2 x",
                    )
                factors.append(_factor(cursor, "/"))
            elif cursor.token.text == "*" and starts_number(cursor, ahead=1):
                cursor.take()
                factors.append(_factor(cursor, "*"))
            else:
                break
    found = tuple(factors)
    # With more layers it may leave float64 later: the block of so many says so.
    if not is_number(number(found, 1)):
        raise cursor.fault(start, "this number leaves float64: give one between 1e-300 and 1e300")
    return found


def is_number(value: float) -> bool:
    """Tell whether a term may be multiplied by a value."""
    return _LEAST <= abs(value) <= _LARGEST


def _factor(cursor: Cursor, joint: str) -> Factor:
    token = cursor.take()
    if token.text == "layers":
        return Factor(joint, token.text)
    if token.kind == "number":
        if float(token.text) == 0.0:
            raise cursor.fault(token, f"{token.text} leaves nothing of a term: leave it out")
        return Factor(joint, token.text)
    opening = cursor.take() if token.text == "sqrt" else token
    if opening.text != "(":
        raise cursor.fault(token, "sqrt takes brackets: write sqrt(layers)")
    if not starts_number(cursor):
        raise _no_number_in_brackets(cursor)
    inside = read_number(cursor)
    if cursor.token.text not in (")", ""):
        raise _no_number_in_brackets(cursor)
    cursor.close(opening)
    return Factor(joint, "sqrt" if token.text == "sqrt" else "", inside)


def _no_number_in_brackets(cursor: Cursor) -> UsageError:
    sign = cursor.token.text
    if sign in ("+", "-"):
        why = f"no {sign} stands in a number's brackets: work it out, as 0.5 for (1-.5)"
    else:
        why = "a number is missing here: coefficients are of numbers, layers, sqrt(...), * and /"
    return cursor.fault(cursor.token, why)
