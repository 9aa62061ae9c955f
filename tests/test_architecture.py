"""The house: imports between wings run one way, without a cycle, and nothing is too long."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PACKAGE = Path(__file__).parent.parent / "vanish"

# The floors, the ground first: a wing imports those below it, and of its own floor some that do
# not import it.
FLOORS = (
    {"errors", "records", "system", "columns"},
    {"numbers"},
    {"network"},
    {"gauss"},
    {"readings"},
    {"ops"},
    {"theories"},
    {"simulation"},
    {"cures", "files", "lessons", "sweeps", "training"},
    {"render"},
    {"manual"},
    {"api", "cli", "torch"},
    {"__main__"},
)

LONGEST_MODULE, LONGEST_CLASS = 400, 200


def modules(package: Path) -> dict[str, ast.Module]:
    """Return all modules of a package by name, parsed."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is run of a module, also in functions: what is for type checkers alone is not."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from running(other)
        else:
            yield from running(child)


def imports(tree: ast.Module, known: Mapping[str, object]) -> set[str]:
    """Return the modules that one imports, of those that are known."""
    found = set()
    for node in running(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in known else node.module)
    return found & known.keys()


def wing(module: str) -> str:
    """Return the wing of a module: the first part of its name below the package's."""
    return module.split(".")[1]


def cycles(edges: Mapping[str, set[str]]) -> Iterator[list[str]]:
    """Yield the cycles of a graph that a search meets, one at least if there are any."""
    done: set[str] = set()
    path: list[str] = []

    def visit(name: str) -> Iterator[list[str]]:
        if name in path:
            yield [*path[path.index(name) :], name]
        elif name not in done:
            path.append(name)
            for other in sorted(edges[name]):
                yield from visit(other)
            done.add(path.pop())

    for name in edges:
        yield from visit(name)


def faults(package: Path) -> Iterator[str]:
    """Yield what is wrong with a package."""
    trees = modules(package)
    root = package.name
    # What the package itself has is no part of a wing: its version, and names found when used.
    edges = {name: imports(tree, trees) - {root, name} for name, tree in trees.items()}
    floor = {name: height for height, names in enumerate(FLOORS) for name in names}
    wings: dict[str, set[str]] = {name: set() for name in sorted(floor)}
    for name in edges.keys() - {root}:
        if wing(name) not in floor:
            yield f"{name}: of no wing"
            continue
        for other in sorted(edges[name]):
            if floor.get(wing(other), -1) > floor[wing(name)]:
                yield f"{name} imports {other}, upwards"
            elif wing(other) != wing(name) and wing(other) in wings:
                wings[wing(name)].add(wing(other))
    for kind, graph in (("modules", edges), ("wings", wings)):
        for found in cycles(graph):
            yield f"{kind} in a cycle: {' > '.join(found)}"
    for path in sorted(package.rglob("*.py")):
        name = ".".join(path.relative_to(package.parent).with_suffix("").parts)
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count > LONGEST_MODULE:
            yield f"{name}: {count} lines"
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.end_lineno is not None:
                count = node.end_lineno - node.lineno + 1
                if count > LONGEST_CLASS:
                    yield f"{name}.{node.name}: a class of {count} lines"


def test_the_house_is_in_order() -> None:
    found = {fault.partition(":")[0]: fault for fault in faults(PACKAGE)}
    assert list(found.values()) == []


SOUND = {
    "__init__": "from vanish.cli.app import main",
    "errors": "class VanishError(Exception): ...",
    "numbers/words": "from vanish.errors import VanishError",
    "network/chain": "from vanish.numbers import words\nfrom vanish import errors",
    "training/run": "def run():\n    from vanish.files.npz import load",
    "files/npz": (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from vanish.cli import app\n    import vanish.training.run\n"
        "load = 1"
    ),
    "cli/app": "import vanish.network.chain\nfrom vanish import __version__",
}


def build(directory: Path, sources: Mapping[str, str]) -> Path:
    """Write a package, and return where it is."""
    package = directory / "vanish"
    for name, source in sources.items():
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{source}\n", encoding="utf-8")
    return package


def test_a_house_in_order_has_no_faults(tmp_path: Path) -> None:
    assert [*faults(build(tmp_path, SOUND))] == []


@pytest.mark.parametrize(
    ("name", "source", "fault"),
    [
        ("numbers/words", "import vanish.network.chain", "imports vanish.network.chain, upwards"),
        (
            "network/chain",
            "def draw():\n    if 1:\n        from vanish.cli import app",
            "vanish.network.chain imports vanish.cli.app, upwards",
        ),
        (
            "network/chain",
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    pass\nelse:\n    from vanish.cli import app",
            "imports vanish.cli.app, upwards",
        ),
        (
            "files/npz",
            "class Reader:\n    def read(self):\n        from vanish.training import run",
            "wings in a cycle: files > training > files",
        ),
        ("files/npz", "from vanish.training import run", "modules in a cycle"),
        (
            "network/loss",
            "from vanish.network import law\nfrom vanish.numbers import words",
            "modules in a cycle: vanish.network.law > vanish.network.loss > vanish.network.law",
        ),
        ("numbers/long", "\n" * 400, "vanish.numbers.long: 401 lines"),
        (
            "numbers/long",
            "class Long:" + "\n    x = 1" * 200,
            "vanish.numbers.long.Long: a class of 201 lines",
        ),
        ("shed/tools", "", "vanish.shed.tools: of no wing"),
        ("utils", "", "vanish.utils: of no wing"),
    ],
)
def test_a_fault_in_the_house_is_found(tmp_path: Path, name: str, source: str, fault: str) -> None:
    law = {"network/law": "def law():\n    from vanish.network.loss import x"}
    sources = SOUND | {name: source} | (law if name == "network/loss" else {})
    assert any(fault in each for each in faults(build(tmp_path, sources)))
    # And there is no fault without it.
    assert not any(fault in each for each in faults(build(tmp_path / "sound", SOUND)))


def test_the_longest_that_may_be_is_no_fault(tmp_path: Path) -> None:
    sources = {"numbers/long": "class Long:" + "\n    x = 1" * 199 + "\n" * 200}
    assert [*faults(build(tmp_path, SOUND | sources))] == []
