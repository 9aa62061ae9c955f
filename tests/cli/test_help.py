"""`--help`: in groups, with examples that work, and the exit statuses."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest
import typer
from arrayfile import npz
from command import run_in_process

from vanish.cli import commands, grouped
from vanish.manual.pages import OF_COMMANDS, TOPICS
from vanish.simulation.option import Group

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = ("vanish", *(f"vanish {name}" for name in grouped.SUBCOMMANDS))


def help_of(command: str) -> str:
    result = run_in_process(*command.split()[1:], "--help", env={"COLUMNS": "80"})
    assert (result.status, result.stderr) == (0, b"")
    return result.stdout.decode()


@pytest.mark.parametrize("command", COMMANDS)
def test_options_stand_in_groups_in_one_order(command: str) -> None:
    lines = help_of(command).splitlines()
    headings = [line[:-1] for line in lines if line.endswith(":") and not line.startswith(" ")]
    groups = [each for each in headings if each in {*Group}]
    assert groups == [group for group in Group if group in groups]
    assert "Output" in groups
    assert "Options" not in headings
    assert headings[-2:] == ["Examples", "Exit status"]
    assert max(map(len, lines)) <= 80


def test_vanish_has_all_groups() -> None:
    text = help_of("vanish")
    places = [text.index(f"\n{group}:\n") for group in Group]
    assert places == sorted(places)
    at = {flag: text.index(f"  {flag} ") for flag in ("--block", "--gain", "--loss", "--engine")}
    assert [sum(place < each for place in places) for each in at.values()] == [1, 2, 3, 4]


def test_every_option_of_every_command_has_a_group() -> None:
    root = typer.main.get_command(commands.build(commands.every()))
    for command in (root, *getattr(root, "commands", {}).values()):
        for each in command.params:
            if each.param_type_name == "option":
                assert grouped.group_of(each.opts) in {*Group}


def test_every_command_has_two_or_three_examples_and_a_page() -> None:
    assert {*grouped.EXAMPLES} == {*COMMANDS}
    assert {len(examples) for examples in grouped.EXAMPLES.values()} <= {2, 3}
    assert {*OF_COMMANDS} == {*COMMANDS} - {"vanish help"}
    assert {*OF_COMMANDS.values()} <= {*TOPICS}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_work(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.npz").write_bytes(npz(W1=[[1.0]]))
    text = help_of(command)
    for line, about in grouped.EXAMPLES[command]:
        assert f"  {line}\n" in text
        assert about in text
        words = shlex.split(line)
        assert " ".join(words).startswith(command)
        assert run_in_process(*words[1:]).status == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_an_error_points_at_the_help_of_its_command(command: str) -> None:
    if command == "vanish help":  # it takes every word
        return
    result = run_in_process(*command.split()[1:], "--bogus")
    assert result.status == 2
    assert result.stderr.decode().endswith(f": see '{command} --help'\n")
