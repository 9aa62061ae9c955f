"""Help with the options in groups, examples and the exit statuses at its end."""

# Not annotations from the future: typer is imported in any case, and each start runs this.
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup

from vanish.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

# What `vanish --help` says of each, in the columns that 80 leave it.
SUBCOMMANDS = {
    "acts": "Show the activations, or one with its formula and its slopes.",
    "blocks": "Show the blocks that have names, or one in full, with its source.",
    "collapse": "Show that without activations N layers are one affine map.",
    "derive": "Derive a gradient step by step, as a person would write it.",
    "fix": "Try every cure of a gradient that vanishes or explodes.",
    "help": "Show the manual: a topic, or what a word on the screen means.",
    "show": "Show what is in a file of weights: names, shapes, and sizes.",
    "sweep": "Simulate a grid of settings, and sum each point up in a row.",
    "theory": "Show what mean-field theory says: phases and critical points.",
    "train": "Train deep and shallow networks, and see which of them learn.",
}

EXAMPLES = {
    "vanish": (
        ("vanish --act sigmoid", "the article's network, layer by layer"),
        ("vanish --act tanh,relu --layers 50 --init xavier_normal,he_normal", "compared"),
        ("vanish --block 'x + S(Wx+b)' --act sigmoid", "with a skip around every layer"),
    ),
    "vanish acts": (
        ("vanish acts", "all of them"),
        ("vanish acts sigmoid", "one, with a drawing"),
    ),
    "vanish blocks": (
        ("vanish blocks", "all that have names"),
        ("vanish blocks prenorm", "one, and who has it"),
    ),
    "vanish collapse": (
        ("vanish collapse --layers 5", "five layers are one affine map"),
        ("vanish collapse --act sigmoid,relu --layers 5", "with activations they are not"),
    ),
    "vanish derive": (
        ("vanish derive --layers 3 --values", "the article's derivation, with numbers"),
        ("vanish derive --block 'x + S(Wx+b)' --format latex", "of a skip, to print"),
    ),
    "vanish fix": (
        ("vanish fix --act sigmoid --layers 20", "what to change, the best first"),
        ("vanish fix --act tanh --gain 0.3 --framework torch", "and how in PyTorch"),
        ("vanish fix --act gelu --layers 50 --columns cure,command --format tsv", "to try"),
    ),
    "vanish help": (
        ("vanish help", "the topics"),
        ("vanish help norm bound", "a word on the screen"),
        ("vanish help --weight-std", "an option, in every command that has it"),
    ),
    "vanish show": (
        ("vanish show net.npz", "what is in it, repeated blocks drawn together"),
        ("vanish show net.npz --full --format csv", "a row an array"),
    ),
    "vanish sweep": (
        ("vanish sweep --act tanh,relu --layers 10,50 --init xavier_normal,he_normal", ""),
        ("vanish sweep --act tanh --weight-std 0.5:3:11 --layers 5,10,20", "as a map"),
        ("vanish sweep --layers 5:50:10 --output results.csv", "--resume goes on with it"),
    ),
    "vanish theory": (
        ("vanish theory --act sigmoid,tanh,relu", "their critical points"),
        ("vanish theory --act tanh --weight-std 0.5:2:4 --bias-std 0.1", "their phases"),
    ),
    "vanish train": (
        ("vanish train --act sigmoid,relu --layers 1,8", "which of them learn"),
        ("vanish train --act sigmoid --layers 8 --per-layer", "layer by layer, epoch by epoch"),
    ),
}

_STATUSES = (
    ("0", "done"),
    ("1", "some points of a sweep failed"),
    ("2", "bad usage or input, told in one line"),
    ("3", "a condition of --fail-on holds"),
    ("130, 143, 129", "ended by Ctrl-C, SIGTERM, SIGHUP"),
)

# The groups of options that are not in the table of settings.
_OWN = {
    "data": "Data and loss",
    "input_rms": "Data and loss",
    "wrt": "Running",
    "epochs": "Running",
    "lr": "Running",
    "optimizer": "Running",
    "values": "Output",
    "full": "Output",
    "matrix": "Output",
    "fragment": "Output",
    **dict.fromkeys(("help", "install_completion", "show_completion"), "Output"),
}


def group_of(flags: list[str]) -> str:
    """Return the group of an option by its flags."""
    from vanish.simulation import table

    name = max(flags, key=len).lstrip("-").replace("-", "_")
    return _OWN[name] if name in _OWN else table.named(name).group.value


def _lines(command: Any, context: Any) -> "Iterator[tuple[str, list[tuple[str, str]]]]":
    """Yield the groups of a command's parameters, arguments first, with their lines."""
    from vanish.cli.streams import for_stdout
    from vanish.simulation.option import Group

    groups: dict[str, list[tuple[str, str]]] = {"Arguments": []}
    groups |= {group.value: [] for group in Group}
    for parameter in command.get_params(context):
        line = parameter.get_help_record(context)
        if line is not None:
            line = (line[0], for_stdout(line[1]))
            argument = parameter.param_type_name == "argument"
            groups["Arguments" if argument else group_of(parameter.opts)].append(line)
    return ((name, lines) for name, lines in groups.items() if lines)


def _write_options(command: Any, context: Any, formatter: Any) -> None:
    for name, lines in _lines(command, context):
        with formatter.section(name):
            formatter.write_dl(lines)


def _write_end(context: Any, formatter: Any) -> None:
    """Write examples, exit statuses, and where more is told."""
    with formatter.section("Examples"):
        for line, about in EXAMPLES.get(context.command_path, ()):
            formatter.write(f"{'':{formatter.current_indent}}{line}\n")
            if about:
                formatter.write(f"{'':{formatter.current_indent + 4}}{about}\n")
    with formatter.section("Exit status"):
        formatter.write_dl(_STATUSES)
    formatter.write_paragraph()
    formatter.write_text("The manual: vanish help")


class Command(TyperCommand):
    """A subcommand whose help is in groups."""

    def __init__(self, name: str | None, *, params: list[Any], **given: Any) -> None:
        super().__init__(name, params=[*params, *options.made(given["callback"])], **given)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, and the options in their groups."""
        _write_options(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write what stands at the end."""
        _write_end(ctx, formatter)


class Root(TyperGroup):
    """`vanish` itself, whose help is in groups, too."""

    def __init__(self, *, params: list[Any], **given: Any) -> None:
        super().__init__(params=[*params, *options.made(given["callback"])], **given)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, whether they are imported or not, and the options in their groups."""
        with formatter.section("Commands"):
            formatter.write_dl([*SUBCOMMANDS.items()])
        _write_options(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write what stands at the end."""
        _write_end(ctx, formatter)
