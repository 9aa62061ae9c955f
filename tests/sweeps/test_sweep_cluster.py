"""Sweeps on a Dask cluster: a real scheduler and two workers, and what only looks like one."""

from __future__ import annotations

import os
import pickle
import shlex
import signal
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import Result, run
from processes import PATIENCE, end_group, wait_until
from sweep_runs import Cluster, Gate, good, lines_in, one_line, start, without_ranges

import vanish
from vanish import Activation, Grid
from vanish.errors import InputError, UsageError
from vanish.sweeps import cluster as dask
from vanish.sweeps import workers

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vanish.numbers.scaled import FloatArray

pytest.importorskip("distributed", reason="the extra dask is not installed")

pytestmark = [
    # It takes five seconds to start the workers, and to be told that nobody is there.
    pytest.mark.slow,
    # Dask's own, which the command keeps to itself.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

# 40 points, of which those beyond the tenth can be held.
SLOW = "--act tanh --layers 60 --width 8 --seed 1:40:40"
FEW = "--act tanh,relu --layers 2,3 --width 4 -f csv"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return Gate(tmp_path_factory.mktemp("gate"), last=10)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        assert "it has no workers: start some, such as dask worker" in refused(found.address)
        found.add_worker(gate)
        found.add_worker(gate)
        found.wait_for_workers(2)
        yield found
    finally:
        found.close()


def refused(address: str) -> str:
    """Return why the workers of a scheduler are not taken."""
    with pytest.raises(UsageError, match=f"^scheduler {address}: ") as caught:
        workers.choose(list, 1, address)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def swell(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    t = np.tanh(x)
    return 0.9 * t, 0.9 * (1.0 - t * t)


def mine(pair: Callable[[FloatArray], Any]) -> Activation:
    return Activation(name="mine", pair=pair, sup_slope=0.9, sup_at=0.0, lower=-0.9, upper=0.9)


def test_activations_and_networks_go_to_a_cluster(cluster: Cluster) -> None:
    # One of this process alone, and so large a network that Dask would warn of it.
    half = lambda x: (0.5 * x, 0.0 * x + 0.5)  # noqa: E731 - as a user may write it
    network = vanish.Network((np.full((1200, 1200), 1e-3), np.ones((3, 1200))), name="net.npz")
    for grid in (
        Grid({"act": [mine(half), "tanh"], "layers": [2], "width": [3]}),
        Grid({"weights": [network], "act": ["tanh", "relu"]}),
    ):
        found = [*vanish.simulate_grid(grid, scheduler=cluster.address)]
        assert found == [*vanish.simulate_grid(grid)]
        assert {row["error"] for row in found} == {None}


def test_what_cannot_go_to_a_cluster_is_one_line(cluster: Cluster) -> None:
    def first_row(act: Activation) -> None:
        next(iter(vanish.simulate_grid(Grid({"act": [act]}), scheduler=cluster.address)))

    lock = threading.Lock()
    with pytest.raises(UsageError, match=r"^activation mine cannot be sent to other processes: "):
        first_row(mine(lambda x: (lock, swell(x))[1]))
    # Of this module, which a worker does not have.
    says = f"^scheduler {cluster.address}: a worker lacks what .*: No module named '{__name__}': "
    with pytest.raises(InputError, match=says):
        first_row(mine(swell))


def test_workers_of_other_versions_are_refused_both_named(cluster: Cluster) -> None:
    same = f"scheduler {cluster.address}: worker tcp://"
    order = "import vanish, numpy; vanish.__version__ = {!r}; numpy.__version__ = {!r}"
    cluster.tell(order.format("0.0.1", np.__version__))
    done = run("sweep", *shlex.split(FEW), "--scheduler", cluster.address)
    message = one_line(done)
    assert message.startswith(f"Error: {same}")
    assert f" has vanish 0.0.1, and {vanish.__version__} is here: " in message
    cluster.tell(order.format(vanish.__version__, "1.0"))
    message = refused(cluster.address)
    assert message.startswith(same)
    assert f" has numpy 1.0, and {np.__version__} is here: " in message
    cluster.tell(order.format(vanish.__version__, np.__version__))
    workers.choose(list, 1, cluster.address).__exit__()


def test_workers_that_cannot_import_vanish_are_refused(cluster: Cluster) -> None:
    cluster.tell("import sys, vanish; sys.modules['vanish'] = None; sys.kept = vanish")
    message = refused(cluster.address)
    assert " cannot import vanish (" in message
    assert message.endswith(f"): install vanish-grad {vanish.__version__} there")
    cluster.tell("import sys; sys.modules['vanish'] = sys.kept")
    workers.choose(list, 1, cluster.address).__exit__()


def test_the_address_of_a_worker_is_none_of_a_scheduler(cluster: Cluster) -> None:
    log = (cluster.directory / "1.log").read_text()
    address = log.partition("Start worker at: ")[2].split()[0]
    assert f"{address}: a Dask worker answers there, and no scheduler: start" in refused(address)


# The last one of a cluster: there is not much left of it afterwards.
def test_a_cluster_writes_the_same_bytes_whoever_is_lost(
    tmp_path: Path, cluster: Cluster, gate: Gate
) -> None:
    options = f"{SLOW} --scheduler {cluster.address}"
    whole = good(f"{SLOW} --jobs 1 -f csv")

    # A worker that is killed in the middle of a point.
    path, part = tmp_path / "x.csv", tmp_path / "x.csv.part"
    with start(f"{options} -o x.csv", tmp_path) as process:
        try:
            wait_until(lambda: gate.is_reached() and lines_in(part) > 1, process)
            cluster.workers[0].kill()
            gate.open()
            stdout, stderr = process.communicate(timeout=PATIENCE)
        finally:
            end_group(process.pid)
    assert (process.returncode, stdout, without_ranges(stderr)) == (0, b"", b"")
    assert path.read_bytes() == whole
    assert not part.exists()

    # An interrupt leaves the cluster as it was.
    gate.close_again()
    path, part = tmp_path / "y.csv", tmp_path / "y.csv.part"
    with start(f"{options} -o y.csv", tmp_path) as process:
        try:
            wait_until(lambda: gate.is_reached() and lines_in(part) > 1, process)
            os.killpg(process.pid, signal.SIGINT)
            stdout, stderr = process.communicate(timeout=PATIENCE)
        finally:
            end_group(process.pid)
    assert (process.returncode, stdout) == (130, b"")
    stderr = without_ranges(stderr)
    assert stderr.startswith(b"stopped: ")
    assert stderr.count(b"\n") == 1
    assert cluster.workers[1].poll() is None

    # A scheduler that goes away is one line, and what was done is kept.
    gate.close_again()
    with start(f"{options} --resume -o y.csv", tmp_path) as process:
        try:
            wait_until(gate.is_reached, process)
            cluster.scheduler.kill()
            stdout, stderr = process.communicate(timeout=PATIENCE)
        finally:
            end_group(process.pid)
    message = one_line(Result(process.returncode, stdout, stderr))
    # It may be gone before it was ever met: a worker of the run before may hold the gate.
    assert message.startswith(
        (
            f"Error: scheduler {cluster.address}: it went away: start it again, then go on with",
            f"Error: scheduler {cluster.address}: no Dask scheduler answers there: ",
        )
    )
    assert good(f"{SLOW} --resume -o", path) == b""
    assert path.read_bytes() == whole


def test_a_worker_that_joins_later_is_asked_when_it_takes_a_share() -> None:
    work = pickle.dumps(list)
    assert dask.attend(dask._versions(), work, (1, 2)) == [1, 2]
    for name, here in dask._versions().items():
        theirs = dask._versions() | {name: "0.0.1"}
        with pytest.raises(UsageError, match=f"^a worker has {name} {here} and not 0.0.1: "):
            dask.attend(theirs, work, (1, 2))


# --- what is no scheduler ---


def silent(_: socket.socket) -> None:
    """Accept, and never say a word."""
    time.sleep(PATIENCE)


def dropping(connection: socket.socket) -> None:
    """Say a byte from time to time."""
    for _ in range(1000):
        connection.sendall(b"\0")
        time.sleep(0.1)


def echoing(connection: socket.socket) -> None:
    """Be polite, and repeat what it is told."""
    while data := connection.recv(65536):
        connection.sendall(data)


def saying(words: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(words)


OTHERS: dict[str, Callable[[socket.socket], None]] = {
    "silent": silent,
    "dropping": dropping,
    "echoing": echoing,
    "closing": saying(b""),
    "ssh": saying(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "http": saying(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "zeros": saying(bytes(10**6)),
    "a large frame to come": saying((10**9).to_bytes(8, "little") + b"x"),
}


@contextmanager
def another(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Give the address of another program."""

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            behave(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"


NO_SCHEDULER = (
    "no Dask scheduler answers there: start one, such as dask scheduler, and give the address"
    " that it prints"
)


@pytest.mark.parametrize("name", OTHERS)
def test_a_port_that_is_no_scheduler_is_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # With what a start takes, less than 10 s.
    assert dask._PATIENCE <= 7.0
    monkeypatch.setattr(dask, "_PATIENCE", 0.5)
    with another(OTHERS[name]) as address:
        assert refused(address) == f"scheduler {address}: {NO_SCHEDULER}"


@pytest.fixture(scope="module", autouse=True)
def unanswered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[bytes]]:
    """A sweep that waits for a silent scheduler, while other tests run."""
    directory = tmp_path_factory.mktemp("unanswered")
    with another(silent) as address:
        with start(f"{FEW} --scheduler {address} -o x.csv", directory) as process:
            yield process
        assert not [*directory.iterdir()]


def test_a_scheduler_that_says_nothing_is_one_line_of_the_command(
    unanswered: subprocess.Popen[bytes],
) -> None:
    stdout, stderr = unanswered.communicate(timeout=PATIENCE)
    message = one_line(Result(unanswered.returncode, stdout, stderr))
    assert NO_SCHEDULER in message


@pytest.mark.parametrize(
    "address",
    ["tcp://127.0.0.1:1", "127.0.0.1:1", "nonsense://x:1", "tcp://x", "tcp://x:99999"],
)
def test_an_address_where_nobody_is_is_one_line(address: str) -> None:
    assert refused(address).partition(f"scheduler {address}: ")[2] in (
        NO_SCHEDULER,
        "no such address: give one such as tcp://HOST:PORT",
    )
