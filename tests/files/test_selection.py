"""What of a checkpoint is the network: asked for by names, or all that fits."""

from __future__ import annotations

import json
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from arrayfile import npz
from checkpoints import SMALL, safetensors, transformer
from command import check_error, run_in_process
from hypothesis import given
from hypothesis import strategies as st

import vanish
from vanish import Network
from vanish.errors import InputError, UsageError
from vanish.files.selection import chained, natural, stem

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.safetensors"
    path.write_bytes(safetensors(transformer(12)))
    return path


def load(path: Any, *patterns: str, layout: str = "auto") -> Network:
    found = vanish.load(path, patterns, layout=layout)
    assert isinstance(found, Network)
    return found


def names(network: Network) -> tuple[str, ...]:
    assert network.origin is not None
    return network.origin.weights


MLP = tuple(f"layers.{k}.mlp.fc{i}.weight" for k in range(12) for i in (1, 2))


@pytest.mark.parametrize(
    "pattern", ["layers.*.mlp.fc*", "layers.*.fc?.weight", "*mlp*", "*.fc[12]"]
)
def test_globs_take_weights_in_natural_order_with_their_biases(file: Path, pattern: str) -> None:
    network = load(file, pattern)
    assert names(network) == MLP
    assert network.sizes == (6, *(12, 6) * 12)
    given_arrays = transformer(12)
    for name, weight, bias in zip(MLP, network.weights, network.biases, strict=True):
        expected = given_arrays[name]
        if isinstance(expected, tuple):
            expected = (expected[1].astype("<u4") << 16).view("<f4")
        np.testing.assert_array_equal(weight, expected)
        np.testing.assert_array_equal(bias, given_arrays[name.replace("weight", "bias")])


def test_several_globs_stand_one_behind_the_other(file: Path) -> None:
    network = load(file, "layers.3.*.fc1", "layers.1.*.fc2", "layers.[02].*.fc?")
    assert names(network) == (
        *("layers.3.mlp.fc1.weight", "layers.1.mlp.fc2.weight", "layers.0.mlp.fc1.weight"),
        *("layers.0.mlp.fc2.weight", "layers.2.mlp.fc1.weight", "layers.2.mlp.fc2.weight"),
    )
    # What two of them name stands where the first one has it.
    twice = load(file, "layers.3.*.fc?", "layers.3.*.fc2")
    assert names(twice) == ("layers.3.mlp.fc1.weight", "layers.3.mlp.fc2.weight")


def test_globs_that_do_not_follow_each_other_take_turns(file: Path) -> None:
    assert names(load(file, "layers.*.fc1", "layers.*.fc2")) == MLP
    # In turns, in the order of the globs.
    turned = [name for pair in zip(MLP[1::2], MLP[::2], strict=True) for name in pair]
    assert names(load(file, "layers.*.fc2", "layers.*.fc1")) == tuple(turned)


@pytest.mark.parametrize("form", ["npz", "safetensors"])
def test_every_format_is_selected_from_alike(file: Path, form: str) -> None:
    arrays = {
        "a.weight": np.eye(3),
        "mask": np.ones(7),
        "b.weight": np.eye(3),
        "epoch": np.array(3),
    }
    path = file.with_suffix(f".{form}")
    if form == "npz":
        path.write_bytes(npz(**arrays))
        # As a whole it is no network, and is refused as before.
        check_error(f"--weights {path}", "'mask' is neither a weight nor a bias by its name")
    else:
        path.write_bytes(safetensors(arrays))
    network = load(path, "[ab]")
    assert names(network) == ("a.weight", "b.weight")
    assert network.origin is not None
    assert network.origin.left_out == ("epoch", "mask")


@pytest.mark.slow
def test_what_was_taken_and_left_out_is_said(file: Path) -> None:
    options = (f"--weights={file}", "--select=layers.*.mlp.*", "--act=relu")
    table = " ".join(run_in_process(*options, "--format=table").stdout.decode().split())
    assert (
        "48 of 64 arrays: layers.{0-11}.mlp.fc{1-2}.weight without embed.weight,"
        " layers.{0-11}.attn.qkv.weight, norm.weight, …"
    ) in table
    (run,) = json.loads(run_in_process(*options, "--format=json").stdout)["runs"]
    found = run["weights_selection"]
    assert found["taken"][:24] == [*MLP]
    assert {*found["taken"][24:]} == {name.replace("weight", "bias") for name in MLP}
    assert found["left_out"] == 16
    assert found["first_left_out"][:2] == ["embed.weight", "layers.0.attn.qkv.weight"]
    assert [row["name"] for row in run["layers"]] == [*MLP]
    # Asked for, it needs no more words; else it is said beside the data, too.
    assert b"arrays" not in run_in_process(*options).stderr
    said = run_in_process(f"--weights={file}", "--act=relu").stderr.decode()
    assert "62 of 64" not in said
    assert ": the longest chain of its weights is taken; --select takes others." in said
    assert run_in_process(f"--weights={file}", "--act=relu", "--quiet").stderr == b""


def test_a_network_alone_says_nothing_of_selections(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(safetensors({"fc1.weight": np.ones((4, 3)), "fc2.weight": np.ones((2, 4))}))
    result = run_in_process(f"--weights={path}", "--act=tanh", "--format=json")
    (run,) = json.loads(result.stdout)["runs"]
    assert run["weights_selection"] == {
        "taken": ["fc1.weight", "fc2.weight"],
        "left_out": 0,
        "first_left_out": [],
    }
    assert b"arrays" not in run_in_process(f"--weights={path}", "--act=tanh").stderr
    (drawn,) = json.loads(run_in_process("--act=tanh", "--format=json").stdout)["runs"]
    assert drawn["weights_selection"] is None
    assert {row["name"] for row in drawn["layers"]} == {None}


def test_derive_and_sweeps_select_too(file: Path) -> None:
    options = (f"--weights={file}", "--select=layers.0.mlp.*", "--act=tanh")
    (row,) = json.loads(run_in_process("sweep", *options, "--format=json").stdout)["rows"]
    (run,) = json.loads(run_in_process(*options, "--format=json").stdout)["runs"]
    assert row["log10_ratio"] == run["log10_ratio"]
    layers = run_in_process("sweep", *options, "--per-layer", "--columns=name", "-f", "csv").stdout
    assert layers.decode().split() == ["name", *MLP[:2]]
    derived = run_in_process("derive", "--values", *options)
    assert derived.status == 0
    assert "W₂" in derived.stdout.decode()
    toml = file.with_name("sweep.toml")
    toml.write_text(
        f'weights = "{file}"\nselect = ["layers.0.mlp.fc1", "layers.0.mlp.fc2"]\nact = "tanh"\n'
    )
    by_file = json.loads(run_in_process("sweep", f"--config={toml}", "--format=json").stdout)
    assert by_file["rows"][0]["log10_ratio"] == run["log10_ratio"]


@pytest.mark.parametrize(
    ("select", "says"),
    [
        (
            "layers.0.mlp.fc1,layers.5.mlp.fc1",
            "layers.0.mlp.fc1.weight of shape (12, 6) gives 12, but layers.5.mlp.fc1.weight of"
            " shape (12, 6) behind it takes 6: --select weights that follow each other",
        ),
        ("*.fc3", "unknown name in"),
        ("layers.0.mlp.fc3", "did you mean layers."),
        ("norm", "norm.weight has shape (3,): --select weights of two axes"),
        ("*.bias", "layers.0.mlp.fc1.bias has shape (12,): --select weights of two axes"),
        ("a,,b", "an empty name in it"),
    ],
)
def test_what_cannot_be_selected_is_one_line(file: Path, select: str, says: str) -> None:
    check_error(f"--weights {file} --select '{select}' --act tanh", says)


def test_a_selection_of_nothing_is_refused() -> None:
    check_error("--select W1", "--select without --weights: it says which of these")
    check_error("sweep --select W1", "--select without --weights: it says which of these")
    check_error("derive --select W1", "--select without --values")
    untyped: Any = vanish
    with pytest.raises(UsageError, match=r"select \[3\]: give a glob, or a list of globs"):
        untyped.load(SMALL, [3])
    with pytest.raises(UsageError, match="path of type int: give the name of a file"):
        untyped.show(3)


def test_a_layout_that_is_asked_for_is_the_one_that_is_read(file: Path) -> None:
    file.write_bytes(safetensors({"p": np.ones((3, 5)), "q": np.ones((5, 3)), "s": np.ones(2)}))
    assert load(file, layout="in_out").sizes == (3, 5, 3)
    assert load(file, "[pq]", layout="out_in").sizes == (5, 3, 5)
    assert load(file, "[pq]").assumed
    file.write_bytes(
        safetensors({"a/kernel": np.ones((3, 5)), "b/kernel": np.ones((5, 2)), "c": np.ones(2)})
    )
    assert load(file).sizes == load(file, "?").sizes == (3, 5, 2)
    with pytest.raises(InputError, match=r"a/kernel of shape \(3, 5\) gives 3, but b/kernel"):
        load(file, "?", layout="out_in")


def test_what_an_optimizer_keeps_is_no_part_of_the_network(file: Path) -> None:
    arrays = {f"model.{k}.weight": np.eye(3) for k in range(3)}
    arrays |= {f"optimizer.state.{k}.exp_avg": np.eye(3) for k in range(3)}
    file.write_bytes(safetensors(arrays))
    assert names(load(file)) == ("model.0.weight", "model.1.weight", "model.2.weight")
    assert len(names(load(file, "*exp_avg"))) == 3


def test_a_bias_tells_which_way_a_weight_lies(file: Path) -> None:
    arrays = {
        "a.weight": np.ones((3, 3)),
        "b.weight": np.ones((3, 5)),
        "b.bias": np.ones(5),
        "z": np.ones(9),
    }
    file.write_bytes(safetensors(arrays))
    network = load(file)
    assert network.sizes == (3, 3, 5)
    assert network.layout == "in_out"


class Flat:
    """An array without numbers."""

    def __init__(self, *shape: int) -> None:
        self.shape, self.ndim, self.size = shape, len(shape), int(np.prod(shape))


@given(shapes=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=7))
def test_no_chain_is_longer_than_the_one_that_is_taken(shapes: list[tuple[int, int]]) -> None:
    arrays = {f"w.{place}": Flat(*shape) for place, shape in enumerate(shapes)}
    found = chained("file", arrays, "auto").naming.weights

    def fits(chosen: tuple[str, ...], out: int) -> bool:
        return all(arrays[a].shape[out] == arrays[b].shape[1 - out] for a, b in pairwise(chosen))

    assert fits(found, 0) or fits(found, 1)
    longer = combinations(arrays, len(found) + 1)
    assert not any(fits(each, out) for each in longer for out in (0, 1))


def test_names_stand_as_people_count() -> None:
    given_names = ["a.10", "a.9", "a", "b.1", "a.09", "a." + "9" * 4500, "a.x"]
    assert sorted(given_names, key=natural) == [
        *("a", "a.9", "a.09", "a.10", "a." + "9" * 4500, "a.x", "b.1")
    ]
    assert sorted(["a.10.w", "a.9.w", "a.1.w"], key=natural) == ["a.1.w", "a.9.w", "a.10.w"]
    assert [
        stem(each) for each in ("a.weight", "a.bias", "d/kernel:0", "a.weight_ih", "weight")
    ] == [*("a", "a", "d", "a.weight_ih", "weight")]


@pytest.mark.slow
def test_names_of_any_kind_are_shown_as_text(file: Path) -> None:
    red = "\x1b[31m\n"
    file.write_bytes(
        safetensors({f"{red}.{k}.weight": np.eye(2) for k in range(2)} | {f"x{red}": np.ones(3)})
    )
    for line in (
        *(
            ["show", str(file), "-f", form]
            for form in ("table", "csv", "json", "jsonl", "markdown")
        ),
        *(
            ["--weights", str(file), "--act", "tanh", "-f", form]
            for form in ("table", "csv", "json", "html")
        ),
        ["--weights", str(file), "--select", "*.0,*.0"],
        ["--weights", str(file), "--select", f"x{red}"],
        ["--weights", str(file), "--select", f"y{red}"],
    ):
        result = run_in_process(*line)
        assert b"\x1b" not in result.stdout + result.stderr
        assert result.status != 2 or result.stderr.count(b"\n") == 1
    assert b"\\x1b[31m\\n.{0-1}.weight,2," in run_in_process("show", str(file), "-f", "csv").stdout


# --- sorted names ---


def stack(*layers: tuple[str, int, int]) -> dict[str, Any]:
    return {
        f"{name}.weight": np.random.default_rng(k).standard_normal((n_out, n_in))
        for k, (name, n_in, n_out) in enumerate(layers)
    }


def test_the_only_order_that_fits_is_taken(tmp_path: Path) -> None:
    layers = [("stem", 3, 16), ("hidden.0", 16, 16), ("hidden.1", 16, 16), ("output", 16, 2)]
    path = tmp_path / "net.safetensors"
    path.write_bytes(safetensors(dict(sorted(stack(*layers).items()))))
    network = load(path)
    assert names(network) == tuple(f"{name}.weight" for name, _, _ in layers)
    assert network.origin is not None
    assert network.origin.orders == ()


def test_of_several_orders_that_fit_it_is_said_which_was_taken(tmp_path: Path) -> None:
    arrays = stack(
        ("decoder.0", 4, 8), ("decoder.2", 8, 16), ("encoder.0", 16, 8), ("encoder.2", 8, 4)
    )
    path = tmp_path / "net.safetensors"
    path.write_bytes(safetensors(arrays))
    line = f"--weights {path} --act tanh --columns layer,name"
    result = run_in_process(*line.split())
    assert b"1\tdecoder.0.weight" in result.stdout
    assert (
        b"the names in it are sorted, and its layers fit in several orders: decoder.*, encoder.*"
        b" is assumed; --select 'encoder.*,decoder.*' is another." in result.stderr
    )
    other = run_in_process(*line.split(), "--select", "encoder.*,decoder.*")
    assert b"1\tencoder.0.weight" in other.stdout
    assert b"sorted" not in other.stderr
    # The order of an .npz file is that in which it was written.
    (tmp_path / "net.npz").write_bytes(npz(**arrays))
    assert b"sorted" not in run_in_process(*line.replace("safetensors", "npz").split()).stderr
