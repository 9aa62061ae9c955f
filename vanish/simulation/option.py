"""What the table of settings says of each: a record without the table itself.

`--help` reads it, so it imports nothing that takes time.
"""

# Not annotations from the future: a named tuple would compile each of them at every start.
import math
from enum import Enum, StrEnum
from typing import Any

from vanish.records import Record


class Kind(Enum):
    """What a value of a setting or an option is."""

    COUNT = "a whole number"
    NUMBER = "a number"
    NUMBERS = "a number, or a list of numbers, one a layer"
    NAME = "one name"
    ACT = "one name, or an Activation"
    ACTS = "a list of names, one a layer"
    SIZES = "a list of whole numbers"
    ROWS = "an array"
    NETWORK = "a list of arrays, arrays by their names, or a Network, such as vanish.load reads"
    BLOCK = "a formula such as 'x + S(Wx+b)', or a name"
    HIDDEN = "a whole number, or a text such as '4x'"
    STDS = "a number, or one a letter such as {'W': 1.5, 'V': 0.1}"
    FLAG = "True or False"
    TEXT = "a text"
    DATA = "a name, the path of a file, or Data, such as Data.of makes of arrays"


class Group(StrEnum):
    """What an option is about, in the order in which help lists the groups."""

    NETWORK = "Network"
    WEIGHTS = "Weights"
    DATA = "Data and loss"
    RUNNING = "Running"
    OUTPUT = "Output"


class Limits:
    """What a number may be.

    Parameters
    ----------
    words
        That in words, behind "give".
    least, most, above
        The first and the last one that may be; what it must exceed.
    """

    def __init__(
        self,
        words: str,
        least: float = -math.inf,
        most: float = math.inf,
        above: float = -math.inf,
    ) -> None:
        self.words = words
        self.least, self.most, self.above = least, most, above

    def hold(self, value: float) -> bool:
        """Tell whether a number is within them; what is not finite is not."""
        return self.least <= value <= self.most and self.above < value < math.inf


class Entry(Record):
    """A line of the manual's list.

    Attributes
    ----------
    name
        Of the setting, in Python and in a configuration file.
    flags
        On the command line.
    meaning
        In a sentence.
    default
        In words; empty where there is none.
    """

    name: str
    flags: str
    meaning: str
    default: str


class Option:
    """A setting of the record, or an option that only a command has.

    Parameters
    ----------
    name
        What the record, the Python API and a configuration file call it.
    kind
        What its values are.
    help
        What it means, as `vanish` tells.
    group
        What it is about.
    metavar
        What stands for its value in help.
    short
        Its one-letter flag.
    default
        What it is where it is not given.
    shown
        That in words, where the value does not tell.
    choices
        The names that a shell completes.
    limits
        What a number may be; a count without any is from 1 to `LARGEST_COUNT`.
    is_setting
        Whether it is one of the record `Settings`. In a sweep it is an axis, but a flag.
    several
        Whether `vanish` takes a list, and compares.
    axis
        What it means as an axis of a sweep.
    axis_metavar
        What stands for its values there.
    commands
        Which commands have such an option. Those of `train` have their own help there.
    once
        Whether it is about this one call, so that no configuration file has it.
    """

    def __init__(
        self,
        name: str,
        kind: Kind,
        help: str,
        *,
        group: Group,
        metavar: str | None = None,
        short: str = "",
        default: object = None,
        shown: str = "",
        choices: str = "",
        limits: Limits | None = None,
        is_setting: bool = False,
        several: bool = False,
        axis: str = "",
        axis_metavar: str = "X,...",
        commands: tuple[str, ...] = ("vanish", "sweep"),
        once: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.help = help
        self.group = group
        self.metavar = metavar
        self.short = short
        self.default = default
        self.shown = shown
        self.choices = choices
        self.limits = limits
        self.is_setting = is_setting
        self.several = several
        self.axis = axis
        self.axis_metavar = axis_metavar
        self.commands = commands
        self.once = once

    def but(self, **changes: Any) -> "Option":
        """Return the same option with some things changed."""
        return Option(**(vars(self) | changes))

    @property
    def flag(self) -> str:
        """Its long flag."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def flags(self) -> tuple[str, ...]:
        """All its flags, as typer takes them."""
        if self.kind is Kind.FLAG and self.is_setting:
            return (f"{self.flag}/--no-{self.flag[2:]}",)
        return (self.flag, self.short) if self.short else (self.flag,)

    @property
    def sentence(self) -> str:
        """Its help, with the default where the value does not tell."""
        return f"{self.help} [default: {self.shown}]" if self.shown else self.help

    @property
    def entry(self) -> Entry:
        """Its line of the manual."""
        default = "" if self.default is None or self.default is False else str(self.default)
        return Entry(self.name, ", ".join(self.flags), self.help, self.shown or default)
