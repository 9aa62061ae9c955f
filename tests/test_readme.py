"""README and the manual show what their commands print, and their Python runs.

A ```console block is a session: a line that starts with `$ ` is a command, the lines
below it are what a terminal of 80 × 50 shows, stdout and stderr as they come. A page is
read from top to bottom: a block finds the files that those above it left behind.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import pytest
from command import environment, run_in_process, run_in_terminal, without_progress

from vanish.cli.commands import build, every
from vanish.manual.pages import TERMS, TOPICS, page

ROOT = Path(__file__).parent.parent

# What is not run, why, and so must show no output.
NOT_RUN = {
    "git clone": "needs the network",
    "cd": "the session stays where the examples are",
    "pip install": "would change the environment that runs the tests",
    "uv tool install": "would change the environment of whoever runs the tests",
    ". .venv/bin/activate": "the session has the command already",
    "make test": "would run itself",
    "make bench": "takes minutes",
}

# Languages of blocks that hold nothing to run.
FOR_READING = {"text", "toml"}

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?")


class Block(NamedTuple):
    """A fenced block; `line` is the number of the line that opens it."""

    language: str
    line: int
    text: str


class Command(NamedTuple):
    """A command of a console block, and the lines that it shows below it."""

    text: str
    shown: list[str]


def blocks(markdown: str) -> list[Block]:
    return [
        Block(match[1], markdown.count("\n", 0, match.start()) + 1, match[2])
        for match in FENCED.finditer(markdown)
    ]


def commands(block: Block) -> list[Command]:
    before, *sessions = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert not before, f"line {block.line}: a console block starts with `$ `"
    lines = [session.splitlines() for session in sessions]
    return [Command(command, shown) for command, *shown in lines]


def reason_not_to_run(command: Command) -> str | None:
    reasons = (NOT_RUN[start] for start in NOT_RUN if f"{command.text} ".startswith(f"{start} "))
    return next(reasons, None)


def run_session(block: Block) -> None:
    """Run the commands of a console block and compare what they print.

    A command succeeds, unless the next one is `echo $?`, which shows how it failed.
    """
    status = 0
    for command in commands(block):
        where = f"line {block.line}: $ {command.text}"
        if reason := reason_not_to_run(command):
            assert not command.shown, f"{where}: shows output, but is not run, as it {reason}"
            continue
        assert status == 0 or command.text == "echo $?", f"{where}: after exit status {status}"
        if "torch" in command.text:
            pytest.importorskip("torch")
        for program in ("jq", "sqlite3"):
            if re.search(rf"(?:^|\| ){program} ", command.text) and not shutil.which(program):
                pytest.skip(f"no {program}")
        line = last_of_recipe(command.text) if command.text.startswith("make ") else command.text
        status, text = run_in_terminal(f"(exit {status})\n{line}", env={"NO_COLOR": "1"})
        printed = without_progress(text)
        for shown, real in zip_longest(command.shown, printed.splitlines()):
            assert agree(shown, real), f"{where}:\nshown:   {shown}\nprinted: {real}"
    assert status == 0, f"line {block.line}: the last command ends with exit status {status}"


def last_of_recipe(command: str) -> str:
    """Return what `make` runs when all is set up: the last line of its dry run."""
    options = ["--dry-run", "--no-print-directory", f"VENV={sys.prefix}"]
    recipe = subprocess.run(
        [*shlex.split(command), *options],
        cwd=ROOT,
        env=environment({"MAKEFLAGS": ""}),  # this make is none of the make that runs the tests
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return recipe.stdout.splitlines()[-1]


def agree(shown: str | None, printed: str | None) -> bool:
    """Tell whether two lines differ at most in the last digits of long fractions.

    The last digits depend on the machine, which may sum in another order: numbers with a
    point and 10 significant digits or more agree to 1e-9. Shorter ones have been rounded
    and are the same everywhere, as is the text between the numbers.
    """
    if shown is None or printed is None or NUMBER.split(shown) != NUMBER.split(printed):
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    return all(
        one == other
        or (
            (is_long(one) and is_long(other))
            # Decimal: float would take everything below 5e-324 for the same 0.
            and abs(Decimal(one) - Decimal(other)) <= Decimal("1e-9") * Decimal(one)
        )
        for one, other in pairs
    )


def is_long(number: str) -> bool:
    digits = number.partition("e")[0]
    return "." in digits and len(digits.replace(".", "").lstrip("0")) >= 10


def run_python(block: Block, directory: Path) -> None:
    """Run a Python block as a script, or compare it as a session if it has prompts."""
    if "torch" in block.text:
        pytest.importorskip("torch")
    path = directory / "block.txt"
    path.write_text(block.text, encoding="utf-8")
    module = ["-m", "doctest"] if ">>> " in block.text else []
    done = subprocess.run(
        [sys.executable, "-W", "error", *module, path],
        cwd=directory,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, f"line {block.line}:\n{done.stdout}{done.stderr}"


README = "README.md"
PAGES = {README: (ROOT / README).read_text(encoding="utf-8")} | {
    f"vanish/manual/{name}.md": page(name) for name in (*TOPICS, TERMS)
}
BLOCKS = [(name, block) for name, text in PAGES.items() for block in blocks(text)]

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def of_language(language: str) -> pytest.MarkDecorator:
    found = [(name, block) for name, block in BLOCKS if block.language == language]
    ids = [f"{Path(name).stem} line {block.line}" for name, block in found]
    return pytest.mark.parametrize(("name", "block"), found, ids=ids)


@pytest.fixture(scope="module")
def workplaces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a directory for each page: its blocks find what those above them left behind."""
    found = {name: tmp_path_factory.mktemp(Path(name).stem) for name in PAGES}
    for directory in found.values():
        (directory / "examples").symlink_to(ROOT / "examples")
    return found


@pytest.mark.slow
@of_language("console")
def test_a_console_block_shows_what_a_terminal_shows(
    name: str, block: Block, workplaces: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplaces[name])
    run_session(block)


@pytest.mark.slow
@of_language("python")
def test_a_python_block_runs(name: str, block: Block, workplaces: dict[str, Path]) -> None:
    run_python(block, workplaces[name])


# What stands for something of the reader's own.
PLACEHOLDER = re.compile(r"\b(?:[A-Z]{2,}|N)\b(?!=)|…|tcp://")

# Commands that are named, with an option that they have, and not meant to be run so.
NAMES_ALONE = {"train"}


def inline_commands() -> list[str]:
    """Return the command lines in running text that can be run as they stand."""
    texts = [FENCED.sub("", text) for text in PAGES.values()]
    found = [line for text in texts for line in re.findall(r"`vanish((?: [^`]+)?)`", text)]
    mine = [" ".join(line.split()) for line in found if not PLACEHOLDER.search(line)]
    return sorted({*mine} - NAMES_ALONE)


@pytest.mark.slow
@pytest.mark.parametrize("line", inline_commands())
def test_a_command_in_the_text_runs(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_in_process(*shlex.split(line)).status == 0


def test_readme_and_the_tour_are_short() -> None:
    assert len(PAGES[README].encode()) <= 9000
    assert len(PAGES["vanish/manual/tour.md"].encode()) <= 11_500


def test_every_page_has_its_topic_and_every_topic_its_page() -> None:
    there = {path.stem for path in (ROOT / "vanish" / "manual").glob("*.md")}
    assert there == {*TOPICS, TERMS}
    assert all(text.startswith("# ") for text in PAGES.values())


def test_readme_shows_first_what_make_run_prints_and_names_make_test() -> None:
    block = next(block for name, block in BLOCKS if (name, block.language) == (README, "console"))
    first = commands(block)[0]
    assert first.text == "make run"
    assert first.shown
    assert "`make test`" in PAGES[README]


@pytest.mark.parametrize("name", PAGES)
def test_every_block_is_run_or_has_nothing_to_run(name: str) -> None:
    own = [block for page, block in BLOCKS if page == name]
    assert {block.language for block in own} <= {"console", "python"} | FOR_READING
    found = sum(len(commands(block)) for block in own if block.language == "console")
    assert len(re.findall(r"^\s*\$ ", PAGES[name], re.MULTILINE)) == found
    assert PAGES[name].count("```") == 2 * len(own)


@pytest.mark.parametrize("name", PAGES)
def test_every_option_that_is_spoken_of_is_one_of_vanish(name: str) -> None:
    subcommands = [(command.name or "",) for command in build(every()).registered_commands]
    pages = [run_in_process(*path, "--help").stdout.decode() for path in [(), *subcommands]]
    assert all("--help" in page for page in pages)
    # A text block is of other programs.
    own = re.sub(r"^```text\n.*?^```$", "", PAGES[name], flags=re.MULTILINE | re.DOTALL)
    assert {*OPTION.findall(own)} <= {*OPTION.findall("".join(pages))}


@pytest.mark.parametrize("name", PAGES)
def test_every_relative_link_leads_to_a_file(name: str) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", PAGES[name])
    missing = [target for target in targets if not (ROOT / name).parent.joinpath(target).exists()]
    assert missing == []
    # The manual is read where there is no repository: it names files of that, and links to none.
    assert bool(targets) is (name == README)
    named = re.findall(r"\bexamples/\w+\.\w+", PAGES[name])
    assert [each for each in named if not (ROOT / each).exists()] == []


SESSION = """\
Two commands, and a third that fails:

```console
$ printf 'layer\\t0.1234567890123\\n\\nend\\n'
layer	0.1234567890123

end
$ true
$ exit 3
$ echo $?
3
```
"""


def test_a_session_that_shows_what_is_printed_passes() -> None:
    (block,) = blocks(SESSION)
    assert (block.language, block.line) == ("console", 3)
    assert [command.text for command in commands(block)][1:] == ["true", "exit 3", "echo $?"]
    run_session(block)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("layer\t0.1234567890123", "layer\t0.1234567990123"),  # a digit
        ("layer\t0.1", "layer \t0.1"),  # a blank
        ("\n\nend\n$", "\n\n$"),  # a line too few
        ("\nend\n$", "\nend\nend\n$"),  # a line too many
        ("$ true\n", "$ true\nfalse\n"),  # output where there is none
        ("$ true\n", "$ false\n"),  # a failure in the middle
        ("$ echo $?\n3\n", ""),  # a failure at the end
        ("?\n3\n", "?\n4\n"),  # another exit status
        ("$ true\n", "$ make bench\nfast\n"),  # output of what is not run
        ("$ printf", "printf"),  # output of nothing
    ],
)
def test_a_session_that_shows_anything_else_fails(right: str, wrong: str) -> None:
    assert SESSION.count(right) == 1
    (block,) = blocks(SESSION.replace(right, wrong))
    with pytest.raises(AssertionError, match=r"^line 3: "):
        run_session(block)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("2.4838492738291e-12", "2.4838492738302e-12", True),
        ("2.4838492738291e-12", "2.4838493738291e-12", False),
        ("2.4838492738291e-602", "2.4838492738302e-602", True),
        ("2.4838492738291e-602", "2.4838492738291e-601", False),
        ("2.48e-12", "2.49e-12", False),
        ("0.001234567890", "0.001234567891", True),
        ("0.00123456789", "0.001234567891", False),  # nine digits are few
        ("-0.12345678901", "0.12345678901", False),
        ("12345678901", "12345678902", False),
        ("W1", "W2", False),
        ("0.0", "0.00", False),
    ],
)
def test_lines_agree_up_to_the_last_digits_of_long_fractions(
    shown: str, printed: str, same: bool
) -> None:
    assert agree(shown, printed) is same


def test_make_run_is_read_out_of_the_makefile() -> None:
    assert (
        last_of_recipe("make run ARGS='--layers 5 -q'") == f"{sys.prefix}/bin/vanish --layers 5 -q"
    )
    default = re.search(r"^ARGS \?= (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert default is not None
    assert last_of_recipe("make run") == f"{sys.prefix}/bin/vanish {default[1]}"


@pytest.mark.parametrize(
    "source", ["print(1 / 0)", ">>> 1 + 1\n3\n", "import warnings; warnings.warn('x')"]
)
def test_a_python_block_that_does_not_do_what_it_says_fails(source: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"^line 1:"):
        run_python(Block("python", 1, source), tmp_path)


@pytest.mark.parametrize("source", ["print(1 / 1)", ">>> 1 + 1\n2\n"])
def test_a_python_block_that_does_what_it_says_passes(source: str, tmp_path: Path) -> None:
    run_python(Block("python", 1, source), tmp_path)
