"""What the code's own records say of a word: columns, activations, initialisers, blocks, losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vanish.manual.spelling import key
from vanish.network import activations, initializers, losses
from vanish.network.formulas.named import NAMED
from vanish.render.contract import TABLES
from vanish.training import optimizers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vanish.columns import Column
    from vanish.network.activations import Activation
    from vanish.network.formulas.named import NamedBlock
    from vanish.network.initializers.record import Family
    from vanish.network.losses import Loss
    from vanish.training.optimizers import Optimizer

# A command line that prints each table.
PRINTING = {
    "vanish": "vanish --layers 5 --format tsv",
    "vanish sweep": "vanish sweep --layers 2,3 --format tsv",
    "vanish sweep --per-layer": "vanish sweep --layers 2,3 --per-layer --format tsv",
    "vanish train": "vanish train --layers 1 --epochs 2 --format tsv",
    "vanish train --per-layer": "vanish train --layers 1 --epochs 2 --per-layer --format tsv",
    "vanish theory": "vanish theory --act tanh --format tsv",
    "vanish theory --layers --width": "vanish theory --act relu --layers 5 --width 8 --format tsv",
    "vanish theory --block": "vanish theory --block residual --act tanh --format tsv",
    "vanish theory --block --layers": (
        "vanish theory --block residual --act tanh --layers 5 --format tsv"
    ),
    "vanish acts": "vanish acts --format tsv",
    "vanish blocks": "vanish blocks --format tsv",
    "vanish collapse": "vanish collapse --layers 3 --format tsv",
    "vanish derive --format json": "vanish derive --values --format json",
    "vanish fix": "vanish fix --act tanh --gain 0.3 --format tsv",
}


def tables() -> str:
    """Return all columns of all commands, Markdown, in the order in which they are printed."""
    return "\n\n".join(
        "\n".join(
            (
                f"## {', '.join(f'`{command}`' for command in table.printed_by)}",
                "",
                f"A row is about {table.each}.",
                "",
                "| column | | meaning |",
                "|---|---|---|",
                *(
                    f"| `{column.name}` | {column.scale} | {_cell(column.meaning)} |"
                    for column in table.columns
                ),
            )
        )
        for table in TABLES
    )


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def column_names() -> Iterator[str]:
    """Yield the name of every column."""
    return (name for table in TABLES for name in table.names)


def columns(word: str) -> Iterator[str]:
    """Yield what the columns of that name mean, Markdown: those that mean the same once."""
    found: dict[tuple[str, str], list[str]] = {}
    for table in TABLES:
        for column in table.columns:
            if key(column.name) == key(word):
                commands = found.setdefault((_meaning(column), column.name), [])
                commands += [each for each in table.printed_by if each not in commands]
    for (meaning, name), commands in found.items():
        listed = ", ".join(f"`{command}`" for command in commands)
        yield f"**Column `{name}`** of {listed}: {meaning}.\n\nTry `{PRINTING[commands[0]]}`."


def meanings(name: str) -> Iterator[str]:
    """Yield what a column of that name says, a line each: of those that mean the same one."""
    found = (column for table in TABLES for column in table.columns if column.name == name)
    return (f"`{name}`: {each}" for each in dict.fromkeys(map(_meaning, found)))


def _meaning(column: Column[Any]) -> str:
    return f"{column.meaning} ({column.scale})"


def registered(word: str) -> Iterator[str]:
    """Yield what each registry says of a name or an alias, Markdown."""
    wanted = key(word)
    for names, text in _registered():
        if wanted in map(key, names):
            yield text


def registered_names() -> Iterator[str]:
    """Yield every name and alias of every registry."""
    return (name for names, _ in _registered() for name in names)


def _registered() -> Iterator[tuple[tuple[str, ...], str]]:
    for act in activations.registered():
        yield (act.name, *act.aliases), _activation(act)
    for family in initializers.families():
        yield (family.name, family.example, *family.aliases), _initializer(family)
    for name in losses.names():
        yield (name,), _loss(losses.get(name))
    for block in NAMED:
        yield (block.name, *block.aliases), _block(block)
    for name in optimizers.names():
        yield (name,), _optimizer(optimizers.get(name))


def _activation(act: Activation) -> str:
    note = f" {act.note[0].upper()}{act.note[1:].rstrip('.')}." if act.note else ""
    flat = " S' is 0 on an interval, so that units can be inactive." if act.flat else ""
    return (
        f"**Activation `{act.name}`**{_also(act.aliases)}: S(x) = {act.formula},"
        f" S'(x) = {act.derivative}, range {act.range}. Its slope is at most"
        f" {act.sup_slope:.5g}, at {act.sup_place}. Convention draws its weights by"
        f" `{act.init}`.{flat}{note}\n\nTry `vanish acts {act.name}`, `vanish --act {act.name}`."
    )


def _initializer(family: Family) -> str:
    init = initializers.get(
        family.name if all(each.default is not None for each in family.takes) else family.example
    )
    size = "one size" if init.scales_with_width else "64 units"
    std = f"the weight_std of `{init.name}` is {init.weight_std(64, 64):.4g}"
    sized = f" Between layers of {size} {std}." if init.law.is_random else ""
    of_biases = (
        f" Biases may be drawn so, too: `--bias-init {_quoted(family.example)}`."
        if family.of_biases
        else ""
    )
    tried = dict.fromkeys((init.name, family.example))
    commands = ", ".join(f"`vanish --layers 20 --init {_quoted(name)}`" for name in tried)
    return (
        f"**Initialiser `{family.name}`**{_also(family.aliases)}: W has {family.meaning}."
        f"{sized}{of_biases} Who has it: `vanish help init`.\n\n"
        f"Try {commands}."
    )


def _quoted(name: str) -> str:
    """Return a name as a shell takes it."""
    return f"'{name}'" if "(" in name else name


def _loss(loss: Loss) -> str:
    needs = " It takes a `--target`." if loss.takes_target else ""
    inside = (
        f" It contains {loss.contains}, so the last layer must have another activation."
        if loss.contains
        else ""
    )
    return f"**Loss `{loss.name}`**: `--loss {loss.name}`.{needs}{inside} See `vanish help loss`."


def _block(block: NamedBlock) -> str:
    return (
        f"**Block `{block.name}`**{_also(block.aliases)}: `{block.text}`, {block.meaning}"
        f" ({block.source}). In an infinitely wide network one block multiplies E‖∂L/∂f‖² by"
        f" {block.growth}.\n\nTry `vanish blocks {block.name}`,"
        f" `vanish theory --block {block.name} --act tanh`."
    )


def _optimizer(optimizer: Optimizer) -> str:
    return (
        f"**Optimizer `{optimizer.name}`** of `vanish train`, with a learning rate of"
        f" {optimizer.lr:g} where --lr gives none. See `vanish help optimizer`.\n\nTry"
        f" `vanish train --optimizer {optimizer.name} --layers 1,8 --epochs 10`."
    )


def _also(aliases: tuple[str, ...]) -> str:
    return f" (also {', '.join(aliases)})" if aliases else ""
