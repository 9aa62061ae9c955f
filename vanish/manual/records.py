"""What the code's own records say of a word: columns, activations, initialisers, blocks, losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.manual import pages
from vanish.manual.spelling import key
from vanish.network import activations, initializers, losses
from vanish.network.formulas.named import NAMED
from vanish.render.contract import TABLES
from vanish.simulation.columns import LAYERS
from vanish.simulation.modulecolumns import MODULES
from vanish.training import optimizers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
    "vanish show": "vanish show net.npz --format tsv",
    "vanish derive --format json": "vanish derive --values --format json",
    "vanish fix": "vanish fix --act tanh --gain 0.3 --format tsv",
}

# What `vanish.torch.profile` has besides the columns of `vanish`.
_OF_MODULES = tuple(each for each in MODULES.columns if each.name not in LAYERS.names)


def tables() -> str:
    """Return all columns of all commands, Markdown, in the order in which they are printed."""
    return "\n\n".join(
        "\n".join(
            (
                f"## {', '.join(f'`{command}`' for command in table.printed_by)}",
                "",
                f"A row is about {table.each}. Try `{PRINTING[table.printed_by[0]]}`.",
                "",
                *(f"- `{each.name}`: {each.meaning} ({each.scale})" for each in table.columns),
            )
        )
        for table in TABLES
    )


def columns_of_modules() -> str:
    """Return the columns of `vanish.torch.profile` that a chain does not have, Markdown."""
    return "\n".join(f"- `{each.name}`: {each.meaning} ({each.scale})" for each in _OF_MODULES)


def column_names() -> Iterator[str]:
    """Yield the name of every column."""
    yield from (name for table in TABLES for name in table.names)
    yield from (column.name for column in _OF_MODULES)


def columns(word: str) -> Iterator[str]:
    """Yield what the columns of that name mean, Markdown, with a command line for each."""
    for (name, meaning), commands in _alike(word).items():
        yield (
            f"**Column `{name}`** of {_listed(commands)}: {meaning}.\n\n"
            f"Try `{PRINTING[commands[0]]}`."
        )
    for each in _OF_MODULES:
        if key(each.name) == key(word):
            yield (
                f"**Column `{each.name}`** of `vanish.torch.profile`: {each.meaning}"
                f" ({each.scale}).\n\nMore: `vanish help pytorch`."
            )


def meanings(word: str) -> Iterator[str]:
    """Yield what the columns of that name mean, Markdown, a line each."""
    for (name, meaning), commands in _alike(word).items():
        yield f"`{name}` of {_listed(commands)}: {meaning}"


def _alike(word: str) -> dict[tuple[str, str], list[str]]:
    """Return by name and meaning the commands that print the columns of that name."""
    found: dict[tuple[str, str], list[str]] = {}
    for table in TABLES:
        for column in table.columns:
            if key(column.name) == key(word):
                meaning = f"{column.meaning} ({column.scale})"
                commands = found.setdefault((column.name, meaning), [])
                commands += [each for each in table.printed_by if each not in commands]
    return found


def _listed(commands: Sequence[str]) -> str:
    return ", ".join(f"`{command}`" for command in commands)


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
        yield (family.name, family.example, *_also_called(family)), _initializer(family)
    for name in losses.names():
        yield (name,), _loss(losses.get(name))
    for block in NAMED:
        yield (block.name, *block.aliases), _block(block)
    for name in optimizers.names():
        yield (name,), _optimizer(optimizers.get(name))


def _entry(title: str, meaning: str, facts: Iterable[str], *tried: str) -> str:
    listed = "\n".join(f"- {fact}" for fact in facts if fact)
    lines = ", ".join(f"`{line}`" for line in tried)
    return f"**{title}**: {meaning}.\n\n{listed}\n\nTry {lines}."


def _as_sentence(note: str) -> str:
    """Return a note with a capital and a full stop; a Greek letter is a symbol, and stays."""
    first = note[0].upper() if note[0].isascii() else note[0]
    return f"{first}{note[1:].rstrip('.')}."


def _activation(act: Activation) -> str:
    note = f" {_as_sentence(act.note)}" if act.note else ""
    flat = " It is 0 on an interval, so that units can be inactive." if act.flat else ""
    numbers = activations.parameters_of(act)
    told = ", ".join(f"{each.name}={each.default:g}" for each in numbers)
    return _entry(
        f"Activation `{act.name}`{_also(act.aliases)}",
        act.meaning,
        (
            f"S(x) = {act.formula}.{note} Its range is {act.range}.",
            f"S'(x) = {act.derivative}. Its size is at most {act.sup_slope:.5g}, at"
            f" {act.sup_place}.{flat}",
            f"Source: {act.source}.",
            f"`--act {act.name}` takes it, `--last-act` and `--layer-acts` for single layers;"
            f" `--init auto` draws its weights by `{act.init}`.",
            f"It takes another number in brackets, `{act.name}({told})`: `vanish help formulas`."
            if numbers
            else "",
        ),
        f"vanish acts {act.name}",
        f"vanish --act {act.name}",
    )


def _initializer(family: Family) -> str:
    init = initializers.get(
        family.name if all(each.default is not None for each in family.takes) else family.example
    )
    size = "one size" if init.scales_with_width else "64 units"
    std = f"the weight_std of `{init.name}` is {init.weight_std(64, 64):.4g}"
    sized = f" Between layers of {size} {std}." if init.law.is_random and not init.by_data else ""
    acts = ", ".join(act.name for act in activations.registered() if act.init == family.name)
    auto = f" `--init auto` takes it for {acts}." if acts else ""
    tried = [*dict.fromkeys(map(_quoted, (init.name, family.example)))]
    example = tried[-1]
    of_biases = (
        f" Biases may be drawn so, too: `--bias-init {example}`." if family.of_biases else ""
    )
    verb = "is" if family.meaning.startswith(("the ", "an ")) else "has"
    listed = " or ".join(f"`--init {name}`" for name in tried)
    return _entry(
        f"Initialiser `{family.name}`{_also(_also_called(family))}",
        family.purpose,
        (
            f"W {verb} {family.meaning}.{sized}",
            f"Source: {family.source}.",
            f"{listed} takes it.{auto}{of_biases} `--weight-std X` draws normal entries"
            " of variance X²/n_in instead, `--gain X` multiplies W.",
        ),
        *(f"vanish --layers 20 --init {name}" for name in tried),
        "vanish help init",
    )


def _also_called(family: Family) -> tuple[str, ...]:
    """Return the other names of initialisers, with other words for what they are called after."""
    stem, _, law = family.name.partition("_")
    others = (word for word, ours in initializers.SYNONYMS.items() if ours == stem)
    return (*family.aliases, *(f"{word}_{law}" for word in others))


def _quoted(name: str) -> str:
    """Return a name as a shell takes it."""
    return f"'{name}'" if "(" in name else name


def _loss(loss: Loss) -> str:
    target = f"`--loss {loss.name}` takes it"
    target += ", `--target` its t." if loss.takes_target else "."
    contained = [name for name in loss.contains if name in activations.names()]
    inside = "".join(
        f" It contains {name}: the last layer must have another activation." for name in contained
    )
    return _entry(
        f"Loss `{loss.name}`",
        loss.meaning,
        (
            f"L = {loss.formula}, for a row f of the output f_N, and the mean over the rows;"
            f" ∂L/∂f = {loss.derivative}.",
            f"Source: {loss.source}.",
            f"{target}{inside}",
        ),
        f"vanish --loss {loss.name} --last-act identity --layers 5",
        "vanish help loss",
    )


def _block(block: NamedBlock) -> str:
    return _entry(
        f"Block `{block.name}`{_also(block.aliases)}",
        block.meaning,
        (
            f"`{block.text}`. In an infinitely wide network one block multiplies E‖∂L/∂f‖² by"
            f" {block.growth}; the letters: `vanish blocks`.",
            f"Source: {pages.cited(block.source)}.",
            f"`--block {block.name}` of `vanish`, `sweep`, `train`, `theory` and `derive` takes it,"
            " or any other formula.",
        ),
        f"vanish blocks {block.name}",
        f"vanish theory --block {block.name} --act tanh",
    )


def _optimizer(optimizer: Optimizer) -> str:
    return _entry(
        f"Optimizer `{optimizer.name}`",
        optimizer.meaning,
        (
            f"A step: {optimizer.formula}; g is the gradient, η the learning rate, {optimizer.lr:g}"
            " where --lr gives none.",
            f"Source: {optimizer.source}.",
            f"`--optimizer {optimizer.name}` of `vanish train` takes it.",
        ),
        f"vanish train --optimizer {optimizer.name} --layers 1,8 --epochs 10",
    )


def _also(aliases: tuple[str, ...]) -> str:
    return f" (also {', '.join(aliases)})" if aliases else ""
