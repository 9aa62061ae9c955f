"""Shell completion: of options, of names, of the last item of a list."""

from __future__ import annotations

import subprocess

import pytest
from command import environment, run

from vanish.simulation import names


def completions(*words: str) -> list[str]:
    """Complete the last word, as bash asks for it."""
    bash = {
        "_VANISH_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("vanish", *words)),
        "COMP_CWORD": str(len(words)),
    }
    result = run(env=bash)
    assert (result.status, result.stderr) == (0, b"")
    return result.stdout.decode().split()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--act", "si"), ["sigmoid", "silu", "sin"]),
        (("-a", "sigmoid,re"), ["sigmoid,relu", "sigmoid,relu6"]),
        (("--layer-acts", "relu,tanh,hard_t"), ["relu,tanh,hard_tanh"]),
        (("--init", "auto,xav"), ["auto,xavier_normal", "auto,xavier_uniform"]),
        (("--loss", ""), names.LOSSES.split(", ")),
        (("--fail-on", "dead,v"), ["dead,vanishing"]),
        (("--act", "relu", "--format", "j"), ["json", "jsonl"]),
        (("--weight",), ["--weight-std", "--weights", "--weights-layout"]),
        (("--act", "nothing"), []),
    ],
)
def test_the_word_is_completed(words: tuple[str, ...], expected: list[str]) -> None:
    assert completions(*words) == expected


def test_bash_completes_by_the_script_that_we_show() -> None:
    shown = run(env={"_VANISH_COMPLETE": "source_bash"})
    assert (shown.status, shown.stderr) == (0, b"")
    script = shown.stdout.decode() + (
        "COMP_WORDS=(vanish --act sigmoid,re) COMP_CWORD=2\n"
        "_vanish_completion vanish\n"
        "complete -p vanish >/dev/null\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=environment(), capture_output=True, check=True
    )
    assert done.stdout.decode().split() == ["sigmoid,relu", "sigmoid,relu6"]
