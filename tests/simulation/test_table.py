"""The table of settings: what the record, the commands and the manual have of it."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest
import typer
from command import run_in_process

from vanish.cli import commands
from vanish.network import activations, initializers, losses
from vanish.simulation import table
from vanish.simulation.option import Kind, Limits, Option
from vanish.simulation.settings import Settings
from vanish.training.settings import TrainingSettings
from vanish.training.table import TRAINING


def parameters(command: str) -> dict[str, Any]:
    """Return what typer makes of a command's options, by their names."""
    group: Any = typer.main.get_command(commands.build(commands.every()))
    found = group if command == "vanish" else group.commands[command]
    return {each.name: each for each in found.params if not each.name.endswith("_completion")}


@pytest.mark.parametrize(
    ("record", "options"), [(Settings, table.SETTINGS), (TrainingSettings, TRAINING)]
)
def test_the_record_and_the_table_have_the_same_settings_and_defaults(
    record: Any, options: dict[str, Option]
) -> None:
    own = {field.name: field.default for field in fields(record) if field.name != "data"}
    assert own == {name: option.default for name, option in options.items()}
    assert all(option.name == name for name, option in options.items())


@pytest.mark.parametrize("command", ["vanish", "sweep", "fix"])
def test_a_command_has_the_options_of_the_table_in_its_order(command: str) -> None:
    made = parameters(command)
    rows = list(table.of(command))
    assert list(made) == [row.name for row in rows]
    for row in rows:
        flags = [*made[row.name].opts, *made[row.name].secondary_opts]
        assert flags == "/".join(row.flags).split("/")
        several = row.several or (command == "sweep" and bool(row.axis))
        assert made[row.name].multiple == several


def test_training_has_the_options_that_the_table_says() -> None:
    theirs = {re.sub("_name$", "", name) for name in parameters("train")}
    known = {row.name for row in table.every()}
    assert theirs & known == {row.name for row in table.of("train")}


def test_every_setting_is_an_axis_of_a_sweep_but_a_flag() -> None:
    for row in table.SETTINGS.values():
        assert bool(row.axis) == (row.kind is not Kind.FLAG)
        assert {"vanish", "sweep"} <= {*row.commands}


def test_a_configuration_file_takes_all_that_is_not_about_one_call(tmp_path: Any) -> None:
    path = tmp_path / "sweep.toml"
    for row in table.of("sweep"):
        path.write_text(f"{row.flag[2:]} = 1979-05-27\n", encoding="utf-8")
        message = run_in_process("sweep", "--config", str(path)).stderr.decode()
        assert ("unknown option" in message) == row.once, message


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("act", activations.names()),
        ("last_act", activations.names()),
        ("init", initializers.names()),
        ("loss", losses.names()),
    ],
)
def test_a_shell_completes_the_names_that_there_are(name: str, known: Any) -> None:
    assert {*table.SETTINGS[name].choices.split(", ")} == {*known}


def test_help_names_every_default_once() -> None:
    for command in ("vanish", "sweep"):
        words = [] if command == "vanish" else [command]
        text = " ".join(run_in_process(*words, "--help").stdout.decode().split())
        for row in table.of(command):
            sentence = row.axis if command == "sweep" and row.axis else row.sentence
            # Lines end behind a hyphen, too.
            assert sentence.replace(" ", "") in text.replace(" ", ""), row.name
            assert sentence.count("[default:") <= 1


def test_the_manual_has_a_line_an_option() -> None:
    found = list(table.manual())
    names = [entry.name for entry in found]
    assert len(names) == len({*names})
    assert {*names} == {row.name for row in table.every()}
    by_name = {entry.name: entry for entry in found}
    assert by_name["layers"] == ("layers", "--layers, -n", "Number of layers.", "20")
    told = (
        "Multiply all weights by X, or those of each layer by its own: X,X,..., input side first,"
        " or 1x19,0.01 for nineteen of 1 and a last one."
    )
    assert by_name["gain"] == ("gain", "--gain", told, "1.0")
    assert by_name["seed"].default == "0"
    assert by_name["widths"].default == by_name["resume"].default == ""
    assert by_name["norm_bound"].flags == "--norm-bound/--no-norm-bound"


def test_what_a_number_may_be() -> None:
    from_zero, above_zero = Limits("", least=0.0, most=2.0), Limits("", above=0.0)
    assert [from_zero.hold(x) for x in (-0.1, 0.0, 2.0, 2.1)] == [False, True, True, False]
    numbers = (0.0, 5e-324, 1e308, float("inf"), float("nan"))
    assert [above_zero.hold(x) for x in numbers] == [False, True, True, False, False]
    assert Limits("", least=0.0).hold(10**400)
