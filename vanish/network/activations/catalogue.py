"""The activations that have names: one registry, and those that take numbers in brackets."""

from __future__ import annotations

from functools import lru_cache, partial
from importlib import import_module
from typing import TYPE_CHECKING

from vanish.errors import UsageError
from vanish.network.registry import Registry, folded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vanish.network.activations.parametrised import Family
    from vanish.network.activations.record import Activation
    from vanish.network.formulas.calls import Parameter

# The family of each that every process has, in the order in which all of them are shown. A
# family is imported when one of it is asked for.
_FAMILIES = {
    "identity": "elementary",
    "sigmoid": "sigmoids",
    "tanh": "sigmoids",
    "relu": "rectifiers",
    "leaky_relu": "rectifiers",
    "elu": "rectifiers",
    "selu": "rectifiers",
    "gelu": "gated",
    "gelu_tanh": "gated",
    "silu": "gated",
    "softplus": "rectifiers",
    "softsign": "sigmoids",
    "mish": "gated",
    "hard_sigmoid": "sigmoids",
    "hard_tanh": "sigmoids",
    "relu6": "rectifiers",
    "hard_swish": "gated",
    "sin": "elementary",
    "log_sigmoid": "rectifiers",
}

_GATE = (
    "it multiplies two branches, S(Wx) and Vx, which is no function of one number, and no block"
    " multiplies values: give its S, as --act silu or --act gelu, with --block 'V S(Wx+b)'"
)
_LEARNED = "its slope is learned: give the one to look at, as --act 'leaky_relu(0.25)'"

# What people look for here that is no activation or has no name, and what to say instead.
_INSTEAD = {
    "prelu": _LEARNED,
    "rrelu": "its slope is random: give its mean, as --act 'leaky_relu(11/48)'",
    **dict.fromkeys(("glu", "swiglu", "geglu", "reglu"), _GATE),
    "maxout": (
        "it is the largest of several sums, which is no function of one number: give --act relu"
        " or --act 'abs(x)', the largest of x and 0 or -x"
    ),
    **dict.fromkeys(
        ("softmax", "log_softmax"),
        "it is no function of one number: give --loss cross_entropy, which contains it",
    ),
    **dict.fromkeys(
        ("step", "heaviside", "sign", "binary_step"),
        "its slope is 0 everywhere, so that no gradient goes back: give --act sigmoid or --act"
        " tanh, or a steep one, as --act 'tanh(10*x)'",
    ),
    "celu": "with α = 1 it is elu: give --act elu; with α = 2 it is --act"
    " 'where(x>0,x,2*expm1(x/2))'",
    **{
        name: f"it has no name here, but a formula: give --act '{formula}'"
        for name, formula in (
            ("quick_gelu", "x*sigmoid(1.702*x)"),
            ("squared_relu", "max(x,0)^2"),
            ("relu2", "max(x,0)^2"),
            ("arctan", "atan(x)"),
            ("atan", "atan(x)"),
            ("squareplus", "(x+sqrt(x^2+4))/2"),
            ("snake", "x+sin(x)^2"),
            ("threshold", "where(x>0.1,x,0)"),
            ("phish", "x*tanh(gelu(x))"),
            ("tanhexp", "x*tanh(exp(x))"),
            ("serf", "x*erf(softplus(x))"),
            ("isru", "x/sqrt(1+x^2)"),
            ("tanhshrink", "x-tanh(x)"),
            ("softshrink", "x-clip(x,-0.5,0.5)"),
            ("hardshrink", "where(abs(x)>0.5,x,0)"),
            ("lisht", "x*tanh(x)"),
            ("gaussian", "exp(-x^2)"),
            ("bent_identity", "(sqrt(x^2+1)-1)/2+x"),
        )
    },
}


def _family(name: str) -> object:
    return import_module(f"vanish.network.activations.{_FAMILIES[name]}")


def _built_in(name: str) -> Activation:
    record: Activation = getattr(_family(name), name.upper())
    return record


_REGISTRY: Registry[Activation] = Registry("activation")
for _name in _FAMILIES:
    _REGISTRY.defer(_name, partial(_built_in, _name))


def add(activation: Activation) -> None:
    """Let an activation's name and its aliases mean it.

    Raises
    ------
    UsageError
        If one of them is taken.
    """
    _REGISTRY.add(activation)


def remove(name: str) -> None:
    """Forget an activation."""
    _REGISTRY.remove(name)


def require_one(text: str) -> None:
    """Refuse a list of activations, see `Registry.require_one`."""
    _REGISTRY.require_one(text)


def get(name: str) -> Activation:
    """Return the activation that a name or alias means, or a name with numbers.

    Raises
    ------
    UsageError
        If there is none; the message names the nearest ones.
    """
    why = "" if has(name) else instead(name)
    if why:
        raise UsageError(f"activation {name!r}: {why}")
    return _REGISTRY.get(name)


def instead(word: str) -> str:
    """Return what to say of a word that people look for and that is no activation, or nothing."""
    wanted = folded(word)
    return next((why for each, why in _INSTEAD.items() if folded(each) == wanted), "")


def spelled(name: str) -> str:
    """Return an activation's own name for any spelling; an unknown one as it is."""
    return _REGISTRY.spelled(name)


def has(name: str) -> bool:
    """Tell whether a name or alias means an activation."""
    return _REGISTRY.spelled(name) in _REGISTRY.names()


def registered() -> Iterator[Activation]:
    """Iterate over the registered activations, in the order of registration."""
    return iter(_REGISTRY)


def names() -> tuple[str, ...]:
    """Return the names of the registered activations, in the order of registration."""
    return _REGISTRY.names()


def called(text: str) -> Activation:
    """Return the activation that a name with numbers in brackets means, as leaky_relu(0.2).

    Raises
    ------
    UsageError
        If the name means none or takes none of these numbers; the message points at the
        character.
    """
    from vanish.network.formulas.calls import name_of, read_call  # noqa: PLC0415 - start-up

    activation = get(name_of(text))
    numbers = read_call("activation", text, parameters_of(activation))
    return with_parameters(activation, *numbers.values())


def parameters_of(activation: Activation) -> tuple[Parameter, ...]:
    """Return the numbers that an activation's name takes in brackets, in their order."""
    family = _parametrised(activation.family) if is_built_in(activation) else None
    return () if family is None else family.parameters


def with_parameters(activation: Activation, *numbers: float) -> Activation:
    """Return an activation with other numbers in the place of its own.

    Parameters
    ----------
    activation
        A registered one.
    numbers
        One a parameter, in their order.

    Raises
    ------
    UsageError
        If they are out of range.
    """
    return made(activation.family, numbers) if numbers else activation


@lru_cache(maxsize=4096)
def made(name: str, numbers: tuple[float, ...]) -> Activation:
    """Return a built-in activation with these numbers: the same one each time.

    Raises
    ------
    UsageError
        If they are out of range.
    """
    plain = _built_in(name)
    if numbers == tuple(plain.parameters.values()):
        return plain
    family = _parametrised(name)
    assert family is not None, name
    return family.made(name, numbers)


def _parametrised(name: str) -> Family | None:
    parametrised = getattr(_family(name), "parametrised", None)
    families: dict[str, Family] = {} if parametrised is None else parametrised()
    return families.get(name)


def is_made(activation: Activation) -> bool:
    """Tell whether an activation is a built-in one, with its own numbers or others."""
    if activation.family not in _FAMILIES:
        return False
    plain, given = _built_in(activation.family), activation.parameters
    if given.keys() != plain.parameters.keys():
        return False
    try:
        return made(activation.family, tuple(given.values())) is activation
    except UsageError:  # a copy of the user's own, with numbers that no built-in one has
        return False


def is_built_in(activation: Activation) -> bool:
    """Tell whether an activation is one that every process has by a plain name."""
    return activation.name == activation.family and is_made(activation)
