"""The benchmark tells what is missed, and writes the manual's tables where they belong."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

import pytest
from measure import Allowance, Contender, Group, Job, Sample
from peers_jobs import CHAINS, PHASES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REASON = "what is benchmarked is compared with it: pip install -e '.[bench]'"

pytestmark = pytest.mark.slow


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for package in ("torch", "sklearn"):
        pytest.importorskip(package, reason=REASON)
    import run  # noqa: PLC0415 - it imports these, which may be missing

    monkeypatch.setattr(sys, "argv", ["run.py", "--quick"])
    yield run
    gc.unfreeze()


def takes(name: str, seconds: float) -> Contender:
    return Contender(name, lambda: seconds)


def group(*targets: float | None) -> Group:
    ours, theirs = takes("ours", 3.0), takes("theirs", 2.0)
    return Group("Race", tuple(Job(ours, theirs, target) for target in targets))


def test_a_missed_target_ends_the_report_and_fails(
    run: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    promised = Group("Promise", (Job(takes("ours", 3.0), Allowance("2 s", 2.0), 1.0),))
    monkeypatch.setattr(run, "GROUPS", (group(1.6, 1.4, None), promised))
    with pytest.raises(SystemExit) as end:
        run.main()
    assert end.value.code == (
        "missed targets:\n"
        "Race: ours takes 1.50 of theirs, at most 1.40 was promised\n"
        "Promise: ours takes 1.50 of 2 s, at most 1.00 was promised"
    )
    report = capsys.readouterr().out
    assert report.count("**missed**") == 2
    assert report.count("| met |") == 1


def test_what_is_kept_ends_with_nothing(
    run: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "GROUPS", (group(1.5, None),))
    run.main()
    assert "missed" not in capsys.readouterr().out


def test_the_manual_gets_its_tables_between_its_headings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("torch", reason=REASON)
    import peers_page  # noqa: PLC0415 - it imports PyTorch, which may be missing

    page = tmp_path / "speed.md"
    page.write_text(peers_page.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(peers_page, "PAGE", page)
    monkeypatch.setattr(peers_page, "missing", dict)
    monkeypatch.setattr(peers_page, "_compiling", lambda _: "long")
    monkeypatch.setattr(peers_page, "_smallest", lambda: "least")
    monkeypatch.setattr(peers_page, "_agreement", lambda: "agreed")
    questions = (*CHAINS, *PHASES)
    contenders = {each for q in questions for g in q.groups for each in g.contenders}
    contenders |= {c for q in questions for c in (q.ours.whole, q.ours.second, q.ours.memory)}
    samples = dict.fromkeys(contenders, Sample((1.25,)))

    before = page.read_text(encoding="utf-8")
    partly = dict(samples)
    del partly[questions[0].ours.memory]
    peers_page.write(partly)
    assert page.read_text(encoding="utf-8") == before

    peers_page.write(samples)
    peers_page.write(samples)
    after = page.read_text(encoding="utf-8")
    assert after.count("| vanish, dense | 1.2 s | 1.2 s | 0 MB |") == 3
    for heading in (peers_page._FIRST, peers_page._BEHIND):
        assert after.count(f"{heading}\n") == 1
    assert after.partition(peers_page._FIRST)[0] == before.partition(peers_page._FIRST)[0]
    assert after.partition(peers_page._BEHIND)[2] == before.partition(peers_page._BEHIND)[2]
