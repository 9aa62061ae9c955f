"""A report in a real browser: what it lays out, and that it asks nobody for anything."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import threading
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from command import run_in_process

if TYPE_CHECKING:
    from pathlib import Path

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]

# What the browser asks of its maker by itself.
OF_THE_BROWSER = ("google.com", "googleapis.com", "gvt1.com")

# Only the copy that is looked at has a script: it says what has been laid out.
MEASURE = """
<script>
const box = (each) => each.getBoundingClientRect();
const all = (what) => [...document.querySelectorAll(what)];
const seen = (what) => all(what).filter((each) => box(each).width && box(each).height).length;
const isStacked = ([above, below]) => box(above).bottom <= box(below).top;
const kinds = ["table", "math", "mfrac", "svg", "dl"];
const count = (of) => Object.fromEntries(kinds.map((what) => [what, of(what)]));
document.body.insertAdjacentHTML("beforeend", "<pre id=measured></pre>");
document.getElementById("measured").textContent = JSON.stringify({
  seen: count(seen),
  there: count((what) => all(what).length),
  mathematics: all("math").every((each) => each instanceof MathMLElement),
  stacked: all("mfrac").every((each) => isStacked(each.children)),
  shown: all("tbody tr").map((row) => row.innerText),
  beyond: document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth,
});
</script>
</body>"""


class Seen(NamedTuple):
    """What a browser made of a page.

    Attributes
    ----------
    dom
        The document as it ended.
    measured
        What `MEASURE` says.
    hosts
        Who was asked for something.
    """

    dom: str
    measured: dict[str, Any]
    hosts: set[str]


class _Proxy(BaseHTTPRequestHandler):
    """Who is asked for something: the browser sends all its requests here."""

    def do_GET(self) -> None:
        address = self.path if "//" in self.path else f"//{self.path}"
        asked: set[str] = self.server.asked  # type: ignore[attr-defined]  # set below
        asked.add(urlsplit(address).hostname or "")
        self.send_error(403)

    do_CONNECT = do_POST = do_HEAD = do_GET  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: Any) -> None:
        pass


def look(text: str, directory: Path, width: int = 1280) -> Seen:
    """Open a page in a browser without a window of that width."""
    assert CHROMIUM is not None
    path = directory / "page.html"
    path.write_text(text.replace("</body>", MEASURE), encoding="utf-8")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Proxy) as proxy:
        asked: set[str] = set()
        proxy.asked = asked  # type: ignore[attr-defined]  # for the handler
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            done = subprocess.run(
                [
                    CHROMIUM,
                    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
                    *("--disable-background-networking", "--disable-component-update"),
                    *("--disable-sync", "--disable-dev-shm-usage"),
                    f"--user-data-dir={directory / 'profile'}",
                    f"--proxy-server=http://127.0.0.1:{proxy.server_port}",
                    "--proxy-bypass-list=<-loopback>",
                    f"--window-size={width},2000",
                    "--dump-dom",
                    path.as_uri(),
                ],
                capture_output=True,
                check=True,
                timeout=120,
            )
        finally:
            proxy.shutdown()
            thread.join()
    dom = done.stdout.decode()
    found = re.search(r'<pre id="measured">(.*?)</pre>', dom, flags=re.DOTALL)
    assert found is not None
    hosts = {host for host in asked if not host.endswith(OF_THE_BROWSER)}
    return Seen(dom, json.loads(unescape(found[1])), hosts)


def faults(seen: Seen) -> list[str]:
    """Return what is wrong with a page as it is laid out."""
    measured = seen.measured
    found = [
        f"{what} hidden"
        for what in measured["there"]
        if measured["seen"][what] < measured["there"][what]
    ]
    found += [f"no {what}" for what, count in measured["there"].items() if not count]
    found += ["no mathematics"] * (not measured["mathematics"])
    found += ["fractions unstacked"] * (not measured["stacked"])
    found += ["broader than the window"] * (measured["beyond"] > 0)
    return found + [f"asked {host}" for host in sorted(seen.hosts)]


def report(line: str) -> str:
    result = run_in_process(*shlex.split(line), "--format", "html")
    assert result.status == 0
    return result.stdout.decode()


LINE = "--layers 4 --width 4 --act tanh,relu --block 'S(Wx+b)' --block '0.5 x - V RMS(S(W~x+U~x))'"


@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_shows_the_tables_and_the_derivation_and_asks_nobody(
    width: int, tmp_path: Path
) -> None:
    text = report(LINE)
    seen = look(text, tmp_path, width)
    assert faults(seen) == []
    # What is shown of the tables has all digits of the JSON document.
    document = json.loads(run_in_process(*shlex.split(LINE), "--format", "json").stdout)
    shown = {cell for row in seen.measured["shown"] for cell in row.split("\t")}
    for run in document["runs"]:
        for layer in run["layers"]:
            assert {str(layer["grad_w"]), str(layer["log10_grad_f"])} <= shown


def test_faults_of_a_page_are_found(tmp_path: Path) -> None:
    text = report("--layers 2 --width 3 --act tanh").replace(
        "</style>",
        "table { display: none } main { width: 200vw }</style>"
        '<link rel="stylesheet" href="http://style.invalid/x.css">',
    )
    broken = text.replace("</main>", '<img src="https://picture.invalid/x.png" alt=""></main>')
    found = faults(look(broken, tmp_path))
    assert {"table hidden", "broader than the window"} <= set(found)
    assert found[-2:] == ["asked picture.invalid", "asked style.invalid"]
