"""Names in every spelling: on every command, and in the registries themselves."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import typer
from command import environment, run_in_process

import vanish
from vanish import Settings, TrainingSettings
from vanish.cli.commands import build, every
from vanish.errors import UsageError
from vanish.network import activations, initializers, losses
from vanish.network.formulas.named import NAMED
from vanish.network.registry import Registry, choice, folded, spelled
from vanish.simulation import names
from vanish.training import optimizers

if TYPE_CHECKING:
    from pathlib import Path

# A small run of each command.
SMALL = {
    "": ["--layers=2", "--width=4"],
    "acts": ["--layers=2"],
    "collapse": ["--layers=2", "--width=4"],
    "blocks": [],
    "derive": ["--layers=2"],
    "show": ["square.npz"],
    "fix": ["--layers=2", "--width=2", "--trials=1"],
    "sweep": ["--layers=2", "--width=4", "--jobs=1"],
    "theory": [],
    "train": ["--layers=1", "--width=4", "--epochs=1", "--data=points.csv"],
}

TABLES = tuple(names.FORMATS.split(", "))
# A page shows the command line as it was spelled: see tests/render/test_report.py.
FORMATS = {"derive": ("auto", "text", "latex", "markdown", "json")}

INITS = tuple(each.example for each in initializers.families())

# The options that take a name, with the names; "names" is the argument of acts.
CHOICES: dict[str, tuple[str, ...]] = {
    "names": (*activations.names(), "swish", "gelu_new"),
    "--act": ("tanh", "leaky_relu", "hard_sigmoid", "swish", "gelu_new"),
    "--layer-acts": ("leaky_relu,tanh",),
    "--block": ("residual", "layernorm_after", "pre_ln"),
    "blocks names": (*NAMED.names(), "skip"),
    "--last-act": ("identity", "log_sigmoid"),
    "--init": ("auto", "glorot_normal", "kaiming_uniform", "kaiming_normal(a=0.2)", *INITS),
    "--bias-init": ("normal(0.1)", "uniform(low=-1,high=1)", "constant(c=0.1)", "zeros", "torch"),
    "theory --init": (
        "auto",
        "glorot_normal",
        "kaiming_normal(a=0.2)",
        "torch",
        "siren(w0=9)",
    ),
    "--loss": losses.names(),
    "--engine": ("auto", "dense", "sampled"),
    "--weights-layout": ("auto", "out_in", "in_out"),
    "--fail-on": tuple(names.VERDICTS.split(", ")),
    "train --fail-on": tuple(names.OUTCOMES.split(", ")),
    " --columns": ("layer,log10_grad_w", "help"),
    "acts --columns": ("act,sup_slope",),
    "blocks --columns": ("growth",),
    "collapse --columns": ("n_in,log10_map_norm",),
    "show --columns": ("weight_std_max,shape",),
    "fix --columns": ("cure,log10_ratio",),
    "--framework": ("torch",),
    "sweep --columns": ("decades_per_layer,act",),
    "theory --columns": ("chi_1", "help"),
    "train --columns": ("test_accuracy",),
    "--optimizer": optimizers.names(),
    "--data": ("spirals",),
    "--format": TABLES,
}

# What else is a text: files, numbers, addresses, and the variable of a derivation, whose
# letters mean something by their case.
FREE = {
    *("--input", "--target", "--weights", "--save-weights", "--output", "--plot", "--config"),
    *("--widths", "--layers", "--width", "--weight-std", "--bias-std", "--gain", "--batch"),
    *("--seed", "--trials", "--vanish-below", "--explode-above", "--memory", "--scheduler"),
    *("--wrt", "--hidden", "--steps", "--last-gain", "--select", "file", "--until"),
}


class Named(NamedTuple):
    """An option of a command that takes a name, and one of the names."""

    command: str
    option: str
    name: str


def found() -> list[Named]:
    """Return every name that an option of a command takes, as the app itself has them."""
    root = typer.main.get_command(build(every()))
    commands = {"": root, **getattr(root, "commands", {})}
    # Its words are tried in tests/manual.
    assert commands.pop("help")
    assert set(commands) == set(SMALL)
    cases = []
    for command, each in commands.items():
        for parameter in each.params:
            option = parameter.opts[0]
            if parameter.type.name not in ("str", "text") or option in FREE:
                continue
            # An option that is in neither list has been forgotten here.
            names = CHOICES.get(f"{command} {option}") or CHOICES[option]
            if option == "--format":
                names = FORMATS.get(command, TABLES)
            cases += [Named(command, option, name) for name in names]
    return cases


CASES = found()


def otherwise(name: str, number: int) -> str:
    """Return the same name, spelled in one of several ways."""
    ways = (
        name.upper(),
        name.replace("_", "-").title(),
        " , ".join(f" {each} ".replace("_", "") for each in name.split(",")),
        name.replace("_", " ").capitalize(),
        name.replace("_", "-").swapcase(),
    )
    return ways[number % len(ways)]


def arguments(case: Named, name: str) -> list[str]:
    """Return a command line on which an option is given that name."""
    command = [case.command] if case.command else []
    given = [name] if case.option == "names" else [f"{case.option}={name}"]
    if case.option == "--weights-layout" and case.command != "show":
        values = ["--values"] if case.command == "derive" else []
        return [*command, *values, "--weights=square.npz", *given]
    beside = {
        ("--loss", case.command): ["--last-act=identity"],
        ("--engine", case.command): ["--init=he_normal"],
        ("--init", "derive"): ["--values"],
        ("--bias-init", "derive"): ["--values"],
        ("--act", "theory"): [],
    }
    act = ["--act=relu"] if case.command == "theory" else []
    return [*command, *SMALL[case.command], *beside.get((case.option, case.command), act), *given]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("files")
    numbers = np.random.default_rng(0).standard_normal((20, 2))
    lines = [f"{a},{b},{i % 2}" for i, (a, b) in enumerate(numbers.tolist())]
    (place / "points.csv").write_text("\n".join(lines))
    np.savez(place / "square.npz", W1=numbers[:2], W2=numbers[2:4])
    return place


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "number"),
    [(case, number) for number, case in enumerate(CASES)],
    ids=lambda each: " ".join(each) if isinstance(each, Named) else "",
)
def test_a_name_is_understood_in_every_spelling(
    case: Named, number: int, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    other = otherwise(case.name, number)
    assert other != case.name
    expected = run_in_process(*arguments(case, case.name))
    assert expected.status in (0, 3), expected.stderr
    assert expected.stdout
    assert run_in_process(*arguments(case, other)) == expected


def test_every_option_that_takes_a_name_is_tried() -> None:
    assert {case.command for case in CASES} == set(SMALL)
    tried = {case.option for case in CASES} | {f"{case.command} {case.option}" for case in CASES}
    assert not set(CHOICES) - tried


@pytest.mark.parametrize("line", ["", "sweep --jobs=1"])
def test_a_name_is_shown_as_the_registry_writes_it(line: str) -> None:
    result = run_in_process(
        *line.split(),
        *("--layers=2", "--width=4", "--act=Swish", "--init=HE-Normal", "--loss=Cross Entropy"),
        *("--last-act=LINEAR", "--engine=Dense", "--format=JSON" if not line else "--format=JSONL"),
    )
    assert result.status == 0, result.stderr
    text = result.stdout.decode()
    for name in ("silu", "identity", "he_normal", "cross_entropy"):
        assert name in text
    for given in ("wish", "HE", "Cross", "LINEAR", "Dense"):
        assert given not in text


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        (
            Settings(act="Swish", last_act="LINEAR", init="Kaiming-Normal", loss="CrossEntropy"),
            {"act": "mixed", "last_act": "identity", "init": "he_normal", "loss": "cross_entropy"},
        ),
        (
            Settings(layer_acts=("ReLU", "Leaky-ReLU"), engine=" SAMPLED ", init="Auto"),
            {"layer_acts": ["relu", "leaky_relu"], "engine": "sampled", "init": "he_normal"},
        ),
        (
            TrainingSettings(act="RELU", init="Glorot Normal", optimizer="ADAM", data="Spirals"),
            {"act": "relu", "init": "xavier_normal", "optimizer": "adam", "data": "spirals"},
        ),
    ],
)
def test_a_record_holds_own_names(
    settings: Settings | TrainingSettings, shown: dict[str, object]
) -> None:
    used = settings.as_dict()
    assert {name: used[name] for name in shown} == shown
    for name, own in shown.items():
        if own != "mixed" and settings.init != "auto":
            held = getattr(settings, name)
            assert getattr(held, "name", held) == own


def test_axes_hold_own_names() -> None:
    grid = vanish.Grid({"act": ["Swish", "TANH"], "engine": ["Dense"], "layers": [2]})
    assert grid.axes == {"act": ("silu", "tanh"), "layers": (2,), "engine": ("dense",)}
    own = vanish.Grid({"act": ["silu", "tanh"], "engine": ["dense"], "layers": [2]})
    assert grid.fingerprint() == own.fingerprint()
    assert grid.label(0) == "act=silu"


def test_a_file_comes_before_another_spelling_of_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert TrainingSettings(data="SPIRALS").source.features == 2
    rows = ["1,2,3,a", "2,3,4,b", "0,1,2,a"] * 4
    (tmp_path / "SPIRALS").write_text("\n".join(rows))
    assert TrainingSettings(data="SPIRALS").source.features == 3
    assert TrainingSettings(data="spirals").source.features == 2


# --- the rule and the registry ---


class Entry(NamedTuple):
    """Something with a name."""

    name: str
    aliases: tuple[str, ...] = ()


@pytest.mark.parametrize(
    "name", ["leaky_relu", "LeakyReLU", "leaky-relu", " Leaky ReLU\t", "LEAKY__RELU"]
)
def test_spellings_of_a_name_have_one_fold(name: str) -> None:
    assert folded(name) == "leakyrelu"
    assert spelled(name, ("tanh", "leaky_relu")) == "leaky_relu"
    assert choice("thing", name, ("tanh", "leaky_relu")) == "leaky_relu"


def test_an_unknown_name_keeps_its_spelling_and_is_refused_in_it() -> None:
    assert spelled(" Tnh ", ("tanh",)) == " Tnh "
    with pytest.raises(UsageError, match="unknown thing ' Tnh ': did you mean tanh"):
        choice("thing", " Tnh ", ("tanh",))
    registry = Registry("thing", [Entry("tanh")], beside=("auto",))
    assert registry.spelled(" Tnh ") == " Tnh "
    assert registry.spelled("AUTO") == "auto"
    with pytest.raises(UsageError, match="unknown thing ' Tnh ': did you mean tanh"):
        registry.get(" Tnh ")


def test_what_is_deferred_is_made_once_when_it_is_asked_for() -> None:
    made: list[str] = []

    def make(name: str, *aliases: str) -> Entry:
        made.append(name)
        return Entry(name, aliases)

    registry: Registry[Entry] = Registry("thing")
    registry.defer("one", lambda: make("one", "eins"))
    registry.defer("two", lambda: make("two", "zwei"))
    assert registry.names() == ("one", "two")
    assert registry.spelled("ONE") == "one"
    assert not made
    assert registry.get("Two").name == registry.get("two").name == "two"
    assert made == ["two"]
    assert registry.get("Eins").name == "one"
    assert made == ["two", "one"]
    assert [entry.name for entry in registry] == ["one", "two"]
    assert made == ["two", "one"]


def test_an_alias_of_what_is_deferred_is_taken() -> None:
    registry: Registry[Entry] = Registry("thing")
    registry.defer("one", lambda: Entry("one", ("eins",)))
    with pytest.raises(UsageError, match="thing name 'EINS' is taken"):
        registry.add(Entry("other", ("new", "EINS")))
    assert registry.names() == ("one",)
    assert registry.spelled("New") == "New"
    registry.add(Entry("new"))
    registry.remove("one")
    assert registry.names() == ("new",)
    assert registry.spelled("eins") == "eins"


def test_a_family_of_activations_is_imported_when_one_of_it_is_asked_for() -> None:
    code = (
        "import sys, pickle\n"
        "from vanish.network import activations\n"
        "def loaded(): return sorted(n.rpartition('.')[2] for n in sys.modules"
        " if n.startswith('vanish.network.activations.'))\n"
        "print(loaded()); activations.get('Tanh'); print(loaded())\n"
        "swish = activations.get('swish'); print(len(loaded()))\n"
        "print(pickle.loads(pickle.dumps(swish)) is activations.get('silu'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=environment(), check=True, text=True
    )
    assert done.stdout.splitlines() == [
        "['catalogue', 'record']",
        "['catalogue', 'record', 'sigmoids']",
        "7",
        "True",
    ]
