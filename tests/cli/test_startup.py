"""Starting quickly: what is imported, and what is not."""

from __future__ import annotations

import subprocess
import sys

import pytest
from command import environment

import vanish

# Runs a command line and then names on stderr, behind what it wrote, what is imported.
PROBE = """
import sys
from vanish.cli.app import main
sys.argv[0] = "vanish"
main()
sys.stderr.write("\\n" + " ".join(sys.modules))
"""


def imported(code: str, *args: str) -> set[str]:
    """Return the top-level names of the modules that a new Python imports."""
    done = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, env=environment(), check=True
    )
    modules = done.stderr.decode().splitlines()[-1].split()
    assert "sys" in modules
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize("option", ["--help", "--version", "--bogus"])
def test_numpy_is_not_imported_to_say_a_word(option: str) -> None:
    assert not imported(PROBE, option) & {"numpy", "rich"}


@pytest.mark.parametrize("words", ["", "tour", "vanishing", "norms"])
def test_numpy_is_not_imported_to_explain_what_no_record_has(words: str) -> None:
    assert not imported(PROBE, "help", *words.split()) & {"numpy", "rich"}


def modules_of(line: str) -> set[str]:
    """Return the names of the modules that a command line imports."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *line.split()],
        capture_output=True,
        env=environment(),
        check=True,
    )
    return {*done.stderr.decode().splitlines()[-1].split()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "reads"),
    [("relu", ""), ("Leaky-ReLU", ""), ("leaky_relu(0.2)", "calls"), ("x*tanh(x)", "parser")],
)
def test_formulas_are_read_only_where_there_is_one(act: str, reads: str) -> None:
    found = modules_of(f"--act {act} --layers 2 --width 2 --format tsv")
    assert "vanish.network.activations" in found
    assert ("vanish.network.formulas.calls" in found) == bool(reads)
    expressions = {name for name in found if name.startswith("vanish.network.expressions")}
    assert ("vanish.network.expressions.parser" in expressions) == (reads == "parser")
    assert bool(expressions) == (reads == "parser")


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["tsv", "json"])
def test_rich_is_not_imported_to_write_data(format_name: str) -> None:
    modules = imported(PROBE, "--act=sigmoid", "--format", format_name)
    assert "numpy" in modules
    assert "rich" not in modules


# What a run of a chain can do without.
_NOT_NEEDED = {
    "typer",  # subcommands, help, and what is wrong with a line
    "pathlib",  # which takes ipaddress with it
    "csv",  # texts that need quotes
    "difflib",  # names that are none
    "vanish.readings.sampled",
    "vanish.readings.secondmode",
    "vanish.numbers.ranks",  # several trials
    "vanish.network.given",
    "vanish.simulation.census",  # number formats
    "vanish.simulation.faults",
    "vanish.system.limits",
}


def test_a_run_does_not_import_what_others_need() -> None:
    found = modules_of("--layers 20 --act sigmoid --format tsv --quiet")
    assert "vanish.simulation.run" in found
    assert not found & _NOT_NEEDED


def test_no_run_imports_what_is_no_dependency() -> None:
    modules = imported(PROBE, "--act=sigmoid", "--format=table")
    assert "rich" in modules
    # Typer has its own copy of click, and its versions with pydantic start slowly.
    assert not modules & {"click", "pydantic", "matplotlib", "scipy", "pandas", "torch"}
    assert not modules & {"safetensors", "ml_dtypes", "zipfile"}


def test_the_package_imports_numpy_on_first_use() -> None:
    code = "import sys, vanish; {}; sys.stderr.write(' '.join(sys.modules))"
    assert "numpy" not in imported(code.format("vanish.__version__"))
    assert "numpy" in imported(code.format("vanish.simulate"))


@pytest.mark.parametrize("name", vanish.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(vanish, name).__name__ == name
    assert name in dir(vanish)


def test_no_other_name_is_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'simulated'"):
        _ = vanish.simulated
