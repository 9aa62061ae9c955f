"""Where the output goes: pipes, files, terminals, and what goes wrong with them."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command import (
    VANISH,
    Result,
    environment,
    run,
    run_in_process,
    run_in_terminal,
    without_progress,
)
from hypothesis import given
from hypothesis import strategies as st

from vanish.cli import progress
from vanish.system.atomic import Files

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMATS = ["table", "tsv", "csv", "json", "jsonl", "markdown", "html"]
COMMAND = ("--act", "sigmoid,relu", "--layers", "4", "--width", "8")


def run_in_shell(script: str, env: dict[str, str] | None = None) -> Result:
    """Run a bash script in which vanish() is `vanish`, with pipes as stdout and stderr."""
    vanish = f'vanish() {{ {shlex.join(VANISH)} "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-c", vanish + script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(env),
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def is_one_error(stderr: bytes) -> bool:
    return stderr.startswith(b"Error: ") and stderr.count(b"\n") == 1


# What must not matter in a pipe.


@pytest.mark.slow
@given(
    format_name=st.sampled_from(FORMATS),
    env=st.fixed_dictionaries(
        {},
        optional={
            "COLUMNS": st.sampled_from(["1", "40", "300", "", "x"]),
            "LINES": st.sampled_from(["1", "300"]),
            "NO_COLOR": st.sampled_from(["", "1"]),
            "FORCE_COLOR": st.sampled_from(["", "1"]),
            "CLICOLOR_FORCE": st.just("1"),
            "TERM": st.sampled_from(["dumb", "xterm-256color", ""]),
        },
    ),
    encoding=st.sampled_from(["utf-8", "ascii", "latin-1", "utf-16"]),
)
def test_piped_bytes_do_not_depend_on_the_environment(
    format_name: str, env: dict[str, str], encoding: str
) -> None:
    if format_name == "table":
        # Of a table, both are asked for.
        env = {name: value for name, value in env.items() if name != "FORCE_COLOR"}
        if env.get("COLUMNS") in ("40", "300"):
            del env["COLUMNS"]
    expected = run_in_process(*COMMAND, "--format", format_name)
    assert run_in_process(*COMMAND, "--format", format_name, env=env, encoding=encoding) == expected


def table(*more: str, **env: str) -> str:
    return run_in_process(*COMMAND, "--format", "table", *more, env=env).stdout.decode()


def test_a_piped_table_is_as_wide_as_columns_says(tmp_path: Path) -> None:
    plain = table()
    wide, narrow = table(COLUMNS="120"), table(COLUMNS="40")
    assert max(map(len, plain.splitlines())) == 80
    assert 80 < max(map(len, wide.splitlines())) <= 120
    # No column can be cut off; sentences and the title are folded.
    assert max(map(len, narrow.splitlines())) < 60
    assert max(map(len, narrow.split("\n\n")[-1].splitlines())) <= 40
    for mistake in ("39", "0", "-100", "x", "", "1e3", "80.5"):
        assert table(COLUMNS=mistake) == plain
    path = tmp_path / "x.txt"
    table("-o", str(path), COLUMNS="120")
    assert path.read_text(encoding="utf-8") == wide
    # Who reads Markdown or rows sets no width; a terminal knows its own.
    rows = run_in_process(*COMMAND, "--format", "markdown")
    assert run_in_process(*COMMAND, "--format", "markdown", env={"COLUMNS": "40"}) == rows
    env = {"NO_COLOR": "1", "COLUMNS": "120"}
    assert run_in_terminal([*VANISH, *COMMAND], env=env) == (0, plain)


def test_force_color_colours_a_piped_table_and_changes_nothing_else(tmp_path: Path) -> None:
    plain = table()
    for env in ({"FORCE_COLOR": "1"}, {"FORCE_COLOR": "1", "TERM": "dumb"}):
        coloured = table(**env)
        assert "\x1b[" in coloured
        bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured).splitlines()
        # A coloured line ends with its padding.
        assert [line.rstrip() for line in bare] == plain.splitlines()
    for env in ({"FORCE_COLOR": ""}, {"FORCE_COLOR": "1", "NO_COLOR": "1"}):
        assert table(**env) == plain
    # Without --format a pipe still gets rows, and a file is no screen.
    assert run_in_process(*COMMAND, env={"FORCE_COLOR": "1"}) == run_in_process(*COMMAND)
    path = tmp_path / "x.txt"
    table("-o", str(path), FORCE_COLOR="1")
    assert path.read_text(encoding="utf-8") == plain


@pytest.mark.slow
@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "C", "PYTHONUTF8": "1"},
        {"PYTHONIOENCODING": "ascii", "PYTHONUNBUFFERED": "1"},
    ],
)
def test_piped_bytes_do_not_depend_on_the_locale(env: dict[str, str]) -> None:
    # stdout and, by a verdict, stderr with characters that not every encoding has.
    for format_name in ("table", "tsv"):
        expected = run_in_process(*COMMAND, "--format", format_name)
        assert run(*COMMAND, "--format", format_name, env=env) == expected


def test_a_pipe_gets_tsv_and_a_terminal_a_table() -> None:
    assert run_in_process(*COMMAND) == run_in_process(*COMMAND, "--format", "tsv")
    status, text = run_in_terminal([*VANISH, *COMMAND], env={"NO_COLOR": "1"})
    assert status == 0
    assert text == run_in_process(*COMMAND, "--format", "table").stdout.decode()


@pytest.mark.parametrize("format_name", ["tsv", "csv", "json", "jsonl"])
def test_stdout_has_the_data_and_stderr_the_verdict(format_name: str) -> None:
    result = run_in_process(*COMMAND, "--format", format_name)
    assert result.status == 0
    assert [line.split(b",")[0].split(b".")[0] for line in result.stderr.splitlines()] == [
        b"sigmoid: STABLE",
        b"relu: STABLE",
    ]
    quiet = run_in_process(*COMMAND, "--format", format_name, "--quiet")
    assert quiet == (0, result.stdout, b"")


@pytest.mark.parametrize("format_name", ["table", "markdown"])
def test_what_people_read_has_its_verdict_in_it(format_name: str) -> None:
    result = run_in_process(*COMMAND, "--format", format_name)
    assert result.stderr == b""
    assert b"STABLE" in result.stdout.upper()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "lines", "options"),
    [
        (80, 24, ["--act", "sigmoid", "--layers", "100"]),
        (80, 30, ["--act", "relu", "--layers", "1000", "--width", "4"]),
        (100, 24, []),
    ],
)
def test_a_table_fits_into_the_window(columns: int, lines: int, options: list[str]) -> None:
    _, text = run_in_terminal([*VANISH, *options], columns, lines, env={"NO_COLOR": "1"})
    shown = without_progress(text).splitlines()
    assert len(shown) < lines  # one is for the prompt
    assert max(map(len, shown)) <= columns


def test_a_terminal_that_knows_no_size_gets_80_columns() -> None:
    _, text = run_in_terminal([*VANISH, *COMMAND], columns=0, lines=0, env={"NO_COLOR": "1"})
    assert text == run_in_process(*COMMAND, "--format", "table").stdout.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_only_a_terminal_that_can_is_coloured(env: dict[str, str], coloured: bool) -> None:
    _, text = run_in_terminal([*VANISH, *COMMAND], env=env)
    assert ("\x1b[" in text) == coloured


# Streams that are full, closed or gone.


@pytest.mark.parametrize("arguments", [COMMAND, ("--help",), ("--version",)])
def test_a_full_stdout_is_one_error(arguments: tuple[str, ...]) -> None:
    result = run_in_shell(f"vanish {shlex.join(arguments)} --quiet > /dev/full")
    assert result.status == 2
    assert is_one_error(result.stderr)
    assert b"no space left" in result.stderr


@pytest.mark.parametrize("redirection", ["> /dev/full", ">&-"])
def test_the_manual_has_no_output_to_give(redirection: str) -> None:
    result = run_in_shell(f"vanish help columns {redirection}")
    assert result.status == 2
    assert is_one_error(result.stderr)
    assert b"--output" not in result.stderr


def test_a_closed_stdout_is_one_error() -> None:
    result = run_in_shell(f"vanish {shlex.join(COMMAND)} >&-")
    assert result.status == 2
    assert is_one_error(result.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("more", ["--dry-run -o x.csv", "--dry-run", "--columns help -o x.csv"])
def test_no_output_is_asked_for_where_it_would_not_help(more: str) -> None:
    result = run_in_shell(f"vanish sweep --layers 2 {more} >&-")
    assert (result.status, result.stdout) == (2, b"")
    assert is_one_error(result.stderr)
    assert b"--output" not in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_nobody_needs_to_hear_the_verdict(redirection: str) -> None:
    result = run_in_shell(f"vanish {shlex.join(COMMAND)} {redirection}")
    assert result == (0, run_in_process(*COMMAND).stdout, b"")


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_an_error_that_nobody_hears_has_its_status(redirection: str) -> None:
    assert run_in_shell(f"vanish --layers 0 {redirection}") == (2, b"", b"")


def test_a_closed_stdin_is_one_error() -> None:
    result = run_in_shell("vanish --input - <&-")
    assert (result.status, result.stdout) == (2, b"")
    assert is_one_error(result.stderr)


BUFFERED_OR_NOT = pytest.mark.parametrize("env", [{}, {"PYTHONUNBUFFERED": "1"}])


@pytest.mark.slow
@BUFFERED_OR_NOT
@pytest.mark.parametrize("arguments", [COMMAND, ("--help",), ("--version",)])
def test_without_a_reader_it_ends_quietly(arguments: tuple[str, ...], env: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(
        [*VANISH, *arguments], stdout=writer, stderr=subprocess.PIPE, env=environment(env)
    ) as process:
        os.close(writer)
        _, stderr = process.communicate()
    assert (process.returncode, stderr) == (0, b"")


@pytest.mark.slow
@BUFFERED_OR_NOT
def test_a_reader_that_has_seen_enough_ends_it_quietly(env: dict[str, str]) -> None:
    large = "--layers 500 --width 2 --format jsonl"  # more than a pipe holds
    result = run_in_shell(f"vanish {large} | head -n 1; echo ${{PIPESTATUS[0]}}", env)
    first, status = result.stdout.splitlines()
    assert first.startswith(b'{"act": "sigmoid", "layer": 1,')
    assert (status, result.stderr) == (b"0", b"")


@pytest.mark.slow
@BUFFERED_OR_NOT
def test_a_disk_that_fills_up_under_stdout_is_one_error(
    env: dict[str, str], tmp_path: Path
) -> None:
    file = shlex.quote(str(tmp_path / "x.tsv"))
    result = run_in_shell(f"ulimit -f 1; vanish --layers 40 --quiet > {file}", env)
    assert result.status == 2
    assert is_one_error(result.stderr)


# Files, whole or not at all.


@pytest.mark.parametrize(
    ("suffix", "format_name"),
    [
        ("txt", "table"),
        ("tsv", "tsv"),
        ("csv", "csv"),
        ("json", "json"),
        ("jsonl", "jsonl"),
        ("md", "markdown"),
    ],
)
def test_the_suffix_decides_the_format(suffix: str, format_name: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{suffix}"
    result = run_in_process(*COMMAND, "--output", str(path))
    expected = run_in_process(*COMMAND, "--format", format_name)
    assert result == (0, b"", expected.stderr)
    assert path.read_bytes() == expected.stdout


def test_a_given_format_is_stronger_than_the_suffix(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    run_in_process(*COMMAND, "--output", str(path), "--format", "json")
    assert path.read_bytes() == run_in_process(*COMMAND, "--format", "json").stdout


def test_a_dash_is_stdout() -> None:
    assert run_in_process(*COMMAND, "-o", "-") == run_in_process(*COMMAND)


def test_a_table_in_a_file_is_the_same_on_every_terminal(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    status, text = run_in_terminal([*VANISH, *COMMAND, "-o", str(path)], columns=40)
    assert (status, text) == (0, "")
    assert path.read_bytes() == run_in_process(*COMMAND, "--format", "table").stdout


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--output", "--save-weights"])
@pytest.mark.parametrize("old", [b"old\n", None])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    option: str, old: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "x.tsv"
    if old is not None:
        path.write_bytes(old)
    options = ["--act", "relu", "--layers", "40", "--quiet", option, str(path)]
    result = run_in_shell(f"ulimit -f 1; vanish {shlex.join(options)}")
    assert (result.status, result.stdout) == (2, b"")
    assert is_one_error(result.stderr)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [old] * (old is not None)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
def test_an_exception_amid_writing_leaves_the_old_file_and_nothing_else(
    error: type[BaseException], tmp_path: Path
) -> None:
    path = tmp_path / "x.tsv"
    path.write_bytes(b"old")

    def write_half() -> None:
        with Files() as files, files.open(str(path)) as stream:
            stream.write(b"half")
            stream.flush()
            raise error

    with pytest.raises(error):
        write_half()
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize("option", ["--output", "--save-weights"])
def test_a_full_device_is_one_error(option: str) -> None:
    result = run_in_process("--act", "relu", "--format", "tsv", option, "/dev/full")
    assert (result.status, result.stdout) == (2, b"")
    assert is_one_error(result.stderr)


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    options = shlex.join([*COMMAND, "--quiet", "--format", "csv", "--output", str(pipe)])
    result = run_in_shell(f"cat {shlex.quote(str(pipe))} & vanish {options}; wait")
    assert result == (0, run_in_process(*COMMAND, "--format", "csv").stdout, b"")
    assert pipe.is_fifo()


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Take away root's right to write everywhere, where root runs the tests."""
    if os.getuid() != 0:
        yield
        return
    nobody = 65534
    os.setresuid(nobody, nobody, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.parametrize("what", ["x.tsv", "."])
def test_what_is_read_only_stays_as_it_was(what: str) -> None:
    # tmp_path is closed to others, among them the user that root becomes here.
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "x.tsv")
        options = [*COMMAND, "--output", str(path)]
        assert run_in_process(*options).status == 0
        path.write_bytes(b"old")
        Path(directory).chmod(0o777)
        Path(directory, what).chmod(0o444 if what == "x.tsv" else 0o555)
        with without_privileges():
            result = run_in_process(*options)
        Path(directory).chmod(0o777)
        assert (result.status, result.stdout) == (2, b"")
        assert is_one_error(result.stderr)
        assert [file.read_bytes() for file in Path(directory).iterdir()] == [b"old"]


def test_a_new_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    old_mask = os.umask(0o027)
    try:
        run_in_process(*COMMAND, "--output", str(tmp_path / "x.tsv"))
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE((tmp_path / "x.tsv").stat().st_mode) == 0o640


def test_a_replaced_file_keeps_its_permissions_and_the_links_to_it(tmp_path: Path) -> None:
    path, link = tmp_path / "x.tsv", tmp_path / "link.tsv"
    path.write_bytes(b"old")
    path.chmod(0o604)
    link.symlink_to(path.name)
    assert run_in_process(*COMMAND, "--output", str(link)).status == 0
    assert link.is_symlink()
    assert path.read_bytes() == run_in_process(*COMMAND).stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_a_file_name_may_be_as_long_as_the_system_lets_it(tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 251}.tsv"
    assert run_in_process(*COMMAND, "--output", str(path)).status == 0
    assert path.read_bytes() == run_in_process(*COMMAND).stdout


@pytest.mark.parametrize("suffix", ["json", "md", "txt"])
def test_a_file_name_that_is_no_text_may_be_reported(suffix: str, tmp_path: Path) -> None:
    network = os.fsdecode(bytes(tmp_path / "x") + b"\xff.npz")
    assert run_in_process("--act", "relu", "--save-weights", network).status == 0
    path = tmp_path / f"x.{suffix}"
    result = run_in_process("--act", "relu", "--weights", network, "--output", str(path))
    assert result.status == 0
    assert path.stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize("gives_input", [False, True])
def test_an_interrupt_leaves_no_traceback_and_no_file(gives_input: bool, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # Singular values of this chain take minutes.
    slow = "--act tanh --layers 300 --width 512 --norm-bound --output x.tsv --input pipe"
    # A shell's background job ignores interrupts, and so would its children.
    start = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from vanish.cli.app import main; sys.exit(main())"
    )
    with (
        subprocess.Popen(
            [sys.executable, "-c", start, *slow.split()],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
        pipe.open("wb") as stream,  # returns when the command has opened it, too
    ):
        if gives_input:
            stream.write(b"1 2 3\n")
            stream.close()
            # It sleeps until the input ends, or works on it already.
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate()
    assert (process.returncode, stdout, stderr) == (130, b"", b"")
    assert [*tmp_path.iterdir()] == [pipe]


def test_a_bar_knows_the_next_part_by_its_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Shown:
        def show(self, share: float, *_: str) -> None:
            seen.append(share)

    monkeypatch.setattr(progress, "_PATIENCE", -1.0)
    monkeypatch.setattr(progress, "_BETWEEN", -1.0)
    monkeypatch.setattr(progress, "Line", Shown)
    bar = progress.Bar("simulating", 4)
    for done, steps in ((1, 2), (2, 2), (1, 1), (1, 1), (1, 2), (2, 2)):
        bar.watch(done, steps)
    assert seen == [0.125, 0.25, 0.5, 0.75, 0.875, 1.0]
