"""Networks as people have them: any names, either layout, one array wrong; judged by autograd."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from arrayfile import npz
from command import run_in_process
from hypothesis import assume, given
from hypothesis import strategies as st
from oracles import pytorch

import vanish
from vanish import Network, Rows, Settings
from vanish.errors import InputError, UsageError
from vanish.files import networks
from vanish.files.rows import read_rows
from vanish.simulation.sample import given_reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vanish.numbers.scaled import FloatArray

    Arrays = dict[str, FloatArray]

SIZES = (3, 5, 4, 2)


def normal(*shape: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


def read_network(path: str, layout: str = "auto") -> Network:
    """Read a plain chain."""
    found = networks.read_network(path, layout)
    assert isinstance(found, Network)
    return found


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a name as short as a user's: a title breaks a long path in two."""
    monkeypatch.chdir(tmp_path)
    return Path("net.npz")


def save(file: Path, arrays: Mapping[str, Any]) -> str:
    np.savez(file, **arrays)
    return str(file)


def run_of(*options: str) -> Any:
    result = run_in_process(*options, "--format", "json")
    assert result.status == 0, result.stderr
    (run,) = json.loads(result.stdout)["runs"]
    return run


def check_gradients(run: Any, expected: Sequence[tuple[float, float | None]]) -> None:
    """Compare ‖∂L/∂W_k‖ and ‖∂L/∂b_k‖ of each layer."""
    for row, (grad_w, grad_b) in zip(run["layers"], expected, strict=True):
        assert row["grad_w"] == pytest.approx(grad_w, rel=1e-10)
        if grad_b is not None:
            assert 10.0 ** row["log10_grad_b"] == pytest.approx(grad_b, rel=1e-10)


# --- as PyTorch saves them ---


def modules(kind: str) -> Any:
    torch = pytorch()
    nn = torch.nn
    torch.manual_seed(0)
    if kind == "eleven":
        # Behind layers.8 comes layers.10.
        return nn.Sequential(*(nn.Linear(4, 4) if i % 2 == 0 else nn.Tanh() for i in range(14)))
    layers = {
        "sequential": ("0", "2", "4"),
        "named": ("fc1", "fc2", "out"),
        "words": ("input", "hidden", "readout"),
        "descending": ("fc3", "fc2", "fc1"),
    }[kind]
    model = nn.Sequential()
    for name, (n_in, n_out) in zip(layers, pairwise(SIZES), strict=True):
        model.add_module(name, nn.Linear(n_in, n_out, bias=name != "fc2" or kind != "named"))
        model.add_module(f"act_of_{name}", nn.Tanh())
    return nn.ModuleDict({"net": model})["net"]


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "net.", "module.encoder."])
@pytest.mark.parametrize("kind", ["sequential", "eleven", "named", "words", "descending"])
def test_a_state_dict_has_the_gradients_of_its_model(file: Path, kind: str, prefix: str) -> None:
    torch = pytorch()
    model = modules(kind).double()
    linears = [each for each in model if isinstance(each, torch.nn.Linear)]
    save(file, {f"{prefix}{name}": each.numpy() for name, each in model.state_dict().items()})
    x = normal(6, linears[0].in_features)
    np.save(file.with_name("x.npy"), x)
    model(torch.tensor(x)).sum(dim=1).mean().backward()
    run = run_of(
        *("--act=tanh", "--loss=sum", f"--weights={file}", f"--input={file.with_name('x.npy')}")
    )
    check_gradients(
        run,
        [
            (
                float(each.weight.grad.norm()),
                None if each.bias is None else float(each.bias.grad.norm()),
            )
            for each in linears
        ],
    )


# --- kernels, (n_in, n_out) ---


def kernels(bias: bool = True) -> tuple[list[FloatArray], list[FloatArray | None]]:
    shapes = [*pairwise(SIZES)]
    return (
        [normal(*shape) / 2.0 for shape in shapes],
        [normal(n_out, seed=1) if bias else None for _, n_out in shapes],
    )


def torch_gradients(
    weights: Sequence[FloatArray], biases: Sequence[FloatArray | None], x: FloatArray
) -> list[tuple[float, float | None]]:
    """Return autograd's norms of f @ K + b with tanh, for kernels of shape (n_in, n_out)."""
    torch = pytorch()
    w = [torch.tensor(each, requires_grad=True) for each in weights]
    b = [None if each is None else torch.tensor(each, requires_grad=True) for each in biases]
    f = torch.tensor(x)
    for kernel, bias in zip(w, b, strict=True):
        a = f @ kernel
        f = torch.tanh(a if bias is None else a + bias)
    f.sum(dim=1).mean().backward()
    return [
        (float(kernel.grad.norm()), None if bias is None else float(bias.grad.norm()))
        for kernel, bias in zip(w, b, strict=True)
    ]


KERNEL_NAMES = {
    "keras": ("dense{_k}/kernel:0", "dense{_k}/bias:0"),
    "keras 3": ("layers/dense{_k}/vars/0", "layers/dense{_k}/vars/1"),
    "flax": ("params/Dense_{k}/kernel", "params/Dense_{k}/bias"),
    "haiku": ("mlp/~/linear_{k}/w", "mlp/~/linear_{k}/b"),
    "scikit-learn": ("coefs_{k}", "intercepts_{k}"),
    "from scratch": ("W{k1}", "b{k1}"),
    "from 0": ("W{k}", "b{k}"),
    "lower": ("w{k1}", "b{k1}"),
    "long": ("weights_{k1}", "biases_{k1}"),
    "mixed": ("weight{k}", "b{k}"),
}


def named(kind: str, weights: Sequence[Any], biases: Sequence[Any]) -> dict[str, Any]:
    found = {}
    for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        for name, array in zip(KERNEL_NAMES[kind], (weight, bias), strict=True):
            if array is not None:
                found[name.format(k=k, k1=k + 1, _k=f"_{k}" if k else "")] = array
    return found


@pytest.mark.slow
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", KERNEL_NAMES)
def test_kernels_have_the_gradients_of_autograd_and_it_is_said(
    file: Path, kind: str, bias: bool
) -> None:
    weights, biases = kernels(bias)
    save(file, named(kind, weights, biases))
    x = normal(7, SIZES[0], seed=2)
    np.save(file.with_name("x.npy"), x)
    options = ["--act=tanh", "--loss=sum", f"--weights={file}"]
    options += [f"--input={file.with_name('x.npy')}"]
    run = run_of(*options)
    check_gradients(run, torch_gradients(weights, biases, x))
    assert run["settings"]["weights_layout"] == "in_out"
    assert run["settings"]["weights_layout_assumed"] is False
    assert [(row["n_in"], row["n_out"]) for row in run["layers"]] == [*pairwise(SIZES)]
    title = run_in_process(*options, "--format=table").stdout.decode().split("\n\n")[0]
    assert "net.npz, read as (n_in, n_out)" in " ".join(title.split())
    note = f"{file}: its weights fit as (n_in, n_out) only, and were read so.\n"
    assert run_in_process(*options).stderr.decode().endswith(note)
    assert run_in_process(*options, "--quiet").stderr == b""
    asked = run_in_process(*options, "--weights-layout=in_out")
    assert asked.stdout == run_in_process(*options).stdout
    assert note not in asked.stderr.decode()


@pytest.mark.parametrize("shape", [lambda n: (1, n), lambda n: (n, 1)])
def test_biases_of_one_row_or_column_are_vectors(file: Path, shape: Any) -> None:
    weights, biases = kernels()
    plain = named("from scratch", weights, biases)
    save(file, plain)
    expected = run_in_process("--act=tanh", f"--weights={file}")
    lying = {
        name: each.reshape(shape(each.size)) if each.ndim == 1 else each
        for name, each in plain.items()
    }
    save(file, lying)
    assert run_in_process("--act=tanh", f"--weights={file}") == expected
    as_list = np.load(file)
    save(file, {f"arr_{i}": as_list[name] for i, name in enumerate(as_list.files)})
    again = run_in_process("--act=tanh", f"--weights={file}")
    assert again == expected


def test_a_network_in_python_takes_such_biases_and_readouts_too() -> None:
    weights = (normal(3, 2), normal(4, 3))
    lying = Network(weights, (normal(1, 3), normal(4, 1)), readout=normal(4, 1))
    plain = Network(weights, (normal(1, 3)[0], normal(4, 1)[:, 0]), readout=normal(4, 1)[:, 0])
    assert vanish.simulate(weights=lying).rows() == vanish.simulate(weights=plain).rows()
    assert lying.readout is not None
    assert lying.readout.shape == (4,)


# --- both layouts fit ---


@pytest.mark.parametrize("biased", [True, False])
def test_squares_are_read_as_asked_and_the_assumption_is_named(file: Path, biased: bool) -> None:
    weights = [normal(4, 4, seed=k) / 2.0 for k in range(3)]
    biases = [normal(4, seed=k) if biased else None for k in range(3)]
    save(file, named("from scratch", weights, biases))
    x = normal(5, 4, seed=9)
    np.save(file.with_name("x.npy"), x)
    options = ["--act=tanh", "--loss=sum", f"--weights={file}"]
    options += [f"--input={file.with_name('x.npy')}"]
    as_kernels = torch_gradients(weights, biases, x)
    transposed = torch_gradients([each.T.copy() for each in weights], biases, x)
    assert as_kernels[0][0] != pytest.approx(transposed[0][0], rel=1e-3)
    asked = {
        layout: run_of(*options, f"--weights-layout={layout}") for layout in ("in_out", "out_in")
    }
    check_gradients(asked["in_out"], as_kernels)
    check_gradients(asked["out_in"], transposed)
    run = run_of(*options)
    check_gradients(run, transposed)
    used = run["settings"]
    assert (used["weights_layout"], used["weights_layout_assumed"]) == ("out_in", True)
    for layout, each in asked.items():
        used = each["settings"]
        assert (used["weights_layout"], used["weights_layout_assumed"]) == (layout, False)

    def title(*more: str) -> str:
        table = run_in_process(*options, *more, "--format=table").stdout.decode()
        return " ".join(table.split("\n\n")[0].split())

    assert "net.npz, (n_out, n_in) assumed" in title()
    assert "net.npz, read as (n_in, n_out)" in title("--weights-layout=in_out")
    assert "n_out" not in title("--weights-layout=out_in")
    said = run_in_process(*options).stderr.decode().splitlines()[-1]
    assert said == (
        f"{file}: its weights fit as (n_out, n_in) and as (n_in, n_out): (n_out, n_in) is"
        " assumed; --weights-layout in_out reads them the other way."
    )
    assert run_in_process(*options, "--quiet").stderr == b""
    assert said not in run_in_process(*options, "--weights-layout=out_in").stderr.decode()


def test_names_of_libraries_say_what_is_assumed(file: Path) -> None:
    square = normal(4, 4)
    for name, layout in {
        "dense/kernel": "in_out",
        "coefs_0": "in_out",
        "fc.weight": "out_in",
        "W1": "out_in",
        "arr_0": "out_in",
    }.items():
        network = read_network(save(file, {name: square}))
        assert (network.layout, network.assumed) == (layout, True)
        assert network.weights[0].tolist() == (square.T if layout == "in_out" else square).tolist()


@pytest.mark.parametrize("array", [np.eye(3), np.ones((1, 1)), normal(3, 3) + normal(3, 3).T])
def test_what_is_the_same_either_way_needs_no_assumption(file: Path, array: FloatArray) -> None:
    assert not read_network(save(file, {"W1": array, "W2": array})).assumed


def test_what_vanish_saved_needs_no_assumption(file: Path) -> None:
    assert run_in_process("--act=tanh", "--width=3", f"--save-weights={file}").status == 0
    network = read_network(str(file))
    assert (network.layout, network.assumed) == ("out_in", False)
    assert b"--weights-layout" not in run_in_process("--act=tanh", f"--weights={file}").stderr
    # Others may put an input beside their weights, too.
    network = read_network(save(file, {"dense/kernel": normal(3, 3), "x": normal(1, 3)}))
    assert (network.layout, network.assumed) == ("in_out", True)


def test_an_input_or_a_target_settles_a_palindrome(file: Path) -> None:
    # 3 → 5 → 3 as kernels, 5 → 3 → 5 as PyTorch has them.
    weights = [normal(3, 5), normal(5, 3)]
    save(file, {"W1": weights[0], "W2": weights[1]})
    assert read_network(str(file)).assumed
    text = file.with_name("x.txt")
    options = ("--act=tanh", "--loss=sum", f"--weights={file}", f"--input={text}")
    for x, layout in ((normal(2, 3), "in_out"), (normal(2, 5), "out_in")):
        np.savetxt(text, x)
        run = run_of(*options)
        lying = weights if layout == "in_out" else [each.T.copy() for each in weights]
        check_gradients(run, torch_gradients(lying, [None, None], x))
        used = run["settings"]
        assert (used["weights_layout"], used["weights_layout_assumed"]) == (layout, False)
    np.savetxt(text, normal(2, 4))
    result = run_in_process(*options)
    assert result.stderr.endswith(b"rows of 4 numbers for a chain of 5 inputs: give rows of 5\n")
    target = ("--loss=mse", f"--target={text}")
    np.savetxt(text, normal(1, 3))
    assert run_of("--act=tanh", f"--weights={file}", *target)["settings"]["widths"] == [3, 5, 3]
    network = Network.of(weights)
    assert Settings(weights=network, input=Rows(normal(2, 3))).model.sizes == (3, 5, 3)
    assert Settings(weights=network).model.sizes == (5, 3, 5)


def test_biases_settle_the_layout() -> None:
    for layout, n_out in (("in_out", 5), ("out_in", 3)):
        network = Network.of([normal(3, 5), normal(5, 3)], [normal(n_out), None])
        assert (network.layout, network.assumed) == (layout, False)


def test_a_layout_that_does_not_fit_is_refused(file: Path) -> None:
    save(file, {"W1": normal(3, 5), "W2": normal(5, 2)})
    result = run_in_process(f"--weights={file}", "--weights-layout=out_in")
    assert result.status == 2
    assert b"fit as (n_in, n_out) only: give in_out" in result.stderr
    with pytest.raises(UsageError, match="unknown weights layout 'io'"):
        Network.of([normal(3, 5)], layout="io")


# --- names ---

# Each a list of names in a file with the layers that they are the weights of.
ORDERS = {
    "numbered": (["W1", "W2", "W3"], [1, 2, 3]),
    "from 0": (["W0", "W1", "W2"], [1, 2, 3]),
    "permuted": (["W3", "W1", "W2"], [3, 1, 2]),
    "more than nine": ([f"W{k}" for k in (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)], [*range(10, 0, -1)]),
    "as text": ([f"W{k}" for k in (1, 10, 2, 3, 4, 5, 6, 7, 8, 9)], [1, 10, *range(2, 10)]),
    "sequential": (["net.0.weight", "net.2.weight", "net.10.weight"], [1, 2, 3]),
    "sequential as text": (["net.0.weight", "net.10.weight", "net.2.weight"], [1, 3, 2]),
    "bare": (["0.weight", "2.weight", "4.weight"], [1, 2, 3]),
    "layers": (["layers.0.weight", "layers.3.weight"], [1, 2]),
    "fc": (["fc2.weight", "fc1.weight", "fc3.weight"], [2, 1, 3]),
    "words": (["input.weight", "hidden.weight", "output.weight"], [1, 2, 3]),
    "words and numbers": (["fc2.weight", "fc1.weight", "out.weight"], [2, 1, 3]),
    "blocks": (["0.a.weight", "0.b.weight", "1.a.weight", "1.b.weight"], [1, 2, 3, 4]),
    "two numbers": (["1.l1.weight", "0.l2.weight", "0.l1.weight"], [3, 2, 1]),
    "keras": (["dense_1/kernel", "dense_2/kernel", "dense/kernel"], [2, 3, 1]),
    "keras as text": (["dense/kernel", "dense_10/kernel", "dense_9/kernel"], [1, 3, 2]),
    "alone": (["weight"], [1]),
    "one letter": (["W"], [1]),
    "lower": (["w_1", "w_2"], [1, 2]),
    "plural": (["weights.0", "weights.1"], [1, 2]),
    "unnamed": ([f"arr_{i}" for i in range(12)], [*range(1, 13)]),
    "unnamed as text": (["arr_1", "arr_10", "arr_2"], [1, 3, 2]),
    "roleless": (["first", "second"], [1, 2]),
    "camel": (["hiddenWeight", "outputWeight"], [1, 2]),
    "role in front": (["W_hidden", "W_out"], [1, 2]),
}


@pytest.mark.parametrize("kind", ORDERS)
def test_layers_are_in_the_order_of_their_names(file: Path, kind: str) -> None:
    names, layers = ORDERS[kind]
    sizes = [k + 3 for k in range(len(names) + 1)]
    of_layer = {k: normal(sizes[k], sizes[k - 1]) for k in layers}
    network = read_network(
        save(file, {name: of_layer[k] for name, k in zip(names, layers, strict=True)})
    )
    assert network.sizes == tuple(sizes)
    for k, weight in enumerate(network.weights, 1):
        assert weight.tolist() == of_layer[k].tolist()


@pytest.mark.slow
@given(seed=st.integers(0, 10**6), kind=st.sampled_from([*KERNEL_NAMES]), depth=st.integers(1, 12))
def test_a_permuted_file_is_the_same_network(
    tmp_path_factory: pytest.TempPathFactory, seed: int, kind: str, depth: int
) -> None:
    assume(kind != "keras 3")  # whose order tells weights from biases
    generator = np.random.default_rng(seed)
    weights = [normal(3, 3, seed=k) for k in range(depth)]
    biases = [normal(3, seed=k) if generator.random() < 0.7 else None for k in range(depth)]
    arrays = [*named(kind, weights, biases).items()]
    permuted = dict(arrays[at] for at in generator.permutation(len(arrays)))
    path = save(tmp_path_factory.mktemp("net") / "net.npz", permuted)
    network = read_network(path, "out_in")
    assert [each.tolist() for each in network.weights] == [each.tolist() for each in weights]
    found = [None if each is None else each.tolist() for each in network.biases]
    assert found == [None if each is None else each.tolist() for each in biases]


@pytest.mark.parametrize(
    "shapes",
    [
        [(5, 3), (5,), (4, 5), (4,)],
        [(5, 3), (4, 5), (5,), (4,)],
        [(5,), (5, 3), (4,), (4, 5)],
        [(3, 5), (5,), (5, 4), (4,)],
        [(3, 5), (1, 5), (5, 4), (1, 4)],
        [(5, 3), (5, 1), (4, 5), (4, 1)],
    ],
)
def test_arrays_without_names_are_told_by_their_axes(
    file: Path, shapes: list[tuple[int, ...]]
) -> None:
    network = read_network(save(file, {f"arr_{i}": normal(*s) for i, s in enumerate(shapes)}))
    assert network.sizes == (3, 5, 4)
    first, second = network.biases
    assert first is not None
    assert second is not None
    assert (first.shape, second.shape) == ((5,), (4,))
    np.savez(file, *(normal(*shape) for shape in ((5, 3), (4, 5), (4,), (2, 4))))
    assert [None if each is None else len(each) for each in read_network(str(file)).biases] == [
        *(None, 4, None)
    ]


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["W2", "W3"], "W2 but no W1"),
        (["W1", "W3", "W4"], "W3 but no W2"),
        (["w_0", "w_2"], "w_2 but no w_1"),
        (["W1", "weight"], "'weight' has no number"),
        (["W1", "w1"], "'W1' and 'w1' are both weights of one layer"),
        (["W1", "weight_1"], "'W1' and 'weight_1' are both weights"),
        (["W1", "b1", "bias1"], "'b1' and 'bias1' are both biases"),
        (["W1", "b2"], "'b2' is a bias without its weight"),
        (["fc1.weight", "fc2.bias"], "'fc2.bias' is a bias without its weight"),
        (["fc.weight", "bn.running_mean"], "'bn.running_mean' is neither a weight nor a bias"),
        (["W1", "arr_1"], "'arr_1' is neither a weight nor a bias"),
        (["W1", "X"], "'X' is neither a weight nor a bias"),
        (["b1"], "no weights in it"),
        ([], "no weights in it"),
    ],
)
def test_an_array_that_belongs_nowhere_is_named(
    file: Path, names: list[str], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        read_network(save(file, {name: np.eye(2) for name in names}))


@pytest.mark.parametrize(
    ("shapes", "complaint"),
    [
        ([(2,)], "no array of two axes"),
        ([(2, 2), (2, 2, 2)], r"arr_1 has shape \(2, 2, 2\)"),
        ([(2, 2), (2,), (2,), (2, 2), (2, 2)], "arr_2 is a bias by its axes, but has no weight"),
        ([(2,), (2, 2), (2, 2)], "arr_0 is a bias by its axes"),
    ],
)
def test_arrays_without_names_that_fit_nowhere_are_named(
    file: Path, shapes: list[tuple[int, ...]], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        read_network(save(file, {f"arr_{i}": np.ones(s) for i, s in enumerate(shapes)}))


@pytest.mark.parametrize("name", ["conv.weight", "bn.weight", "W1", "kernel"])
@pytest.mark.parametrize("shape", [(3,), (3, 2, 2, 2), ()])
def test_a_weight_of_other_than_two_axes_is_named(
    file: Path, name: str, shape: tuple[int, ...]
) -> None:
    with pytest.raises(UsageError, match=rf"{name} has shape \("):
        read_network(save(file, {name: np.ones(shape)}))


# --- the array that is wrong ---


@given(data=st.data(), kernels=st.booleans())
def test_the_one_array_that_does_not_fit_is_named(data: st.DataObject, kernels: bool) -> None:
    sizes = data.draw(st.lists(st.integers(1, 6), min_size=3, max_size=8))
    depth = len(sizes) - 1
    shapes: dict[str, list[int]] = {}
    for k in range(1, depth + 1):
        shapes[f"W{k}"] = [sizes[k], sizes[k - 1]]
        shapes[f"b{k}"] = [sizes[k]]
    shapes["x"] = [2, sizes[0]]
    wrong = data.draw(st.sampled_from([*shapes]))
    # At both ends it is one array's word against another's.
    assume(wrong not in ("W1", f"b{depth}"))
    axis = -1 if wrong in ("x", f"W{depth}") else data.draw(st.integers(0, len(shapes[wrong]) - 1))
    right = shapes[wrong][axis]
    shapes[wrong][axis] += data.draw(st.integers(1, 3))
    lie = slice(None, None, -1 if kernels else 1)
    arrays = {
        name: np.ones(shape[lie] if name.startswith("W") else shape)
        for name, shape in shapes.items()
    }
    layers = range(1, depth + 1)
    with pytest.raises(UsageError) as caught:
        Network.of(
            [arrays[f"W{k}"] for k in layers],
            [arrays[f"b{k}"] for k in layers],
            arrays["x"],
            usual="in_out" if kernels else "out_in",
        )
    message = str(caught.value)
    assert message.startswith(f"arrays: {wrong} ")
    assert re.search(rf": give (rows of|{wrong}) {right}\b", message)
    assert "\n" not in message


@given(depth=st.integers(3, 9), data=st.data())
def test_among_equal_layers_the_odd_one_is_named_without_biases(
    depth: int, data: st.DataObject
) -> None:
    width, other = data.draw(st.permutations([2, 3, 5]).map(lambda sizes: sizes[:2]))
    k = data.draw(st.integers(2, depth - 1))
    weights = [np.ones((width, width)) for _ in range(depth)]
    shape = data.draw(st.sampled_from([(width, other), (other, width), (other, other)]))
    weights[k - 1] = np.ones(shape)
    with pytest.raises(UsageError, match=rf"^arrays: W{k} is {shape[0]} × {shape[1]}, but W"):
        Network.of(weights)
    with pytest.raises(UsageError, match=rf"^arrays: W{k} is {shape[0]} × {shape[1]}, but W"):
        Network(tuple(weights))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (
            {"W1": (4, 4), "W2": (4, 4), "W3": (5, 4), "W4": (4, 4)},
            "W3 is 5 × 4, but W4 takes 4 inputs: give W3 4 rows",
        ),
        (
            {"W1": (9, 10), "W2": (8, 9), "W3": (5, 4), "W4": (6, 7)},
            "W3 is 5 × 4, but W2 has 8 outputs and W4 takes 7 inputs: give W3 8 columns and 7 rows",
        ),
        (
            {"W1": (5, 3), "W2": (5, 7), "W3": (2, 7)},
            "W2 is 5 × 7, but W1 has 5 outputs and W3 takes 7 inputs: give W2 5 columns and 7"
            " rows, or its transpose",
        ),
        (
            {"fc1/kernel": (3, 5), "fc1/bias": (5,), "fc2/kernel": (6, 4), "fc2/bias": (4,)}
            | {"fc3/kernel": (4, 2)},
            "fc2/kernel is 6 × 4, read as (n_in, n_out), but fc1/kernel has 5 outputs: give"
            " fc2/kernel 5 rows",
        ),
        (
            {"W1": (4, 4), "b1": (3,), "W2": (2, 4)},
            "b1 has 3 entries, W1 has 4 outputs: give b1 4 entries",
        ),
        (
            {"W1": (4, 3), "b1": (5,), "W2": (2, 5), "b2": (2,)},
            "W1 is 4 × 3, but b1 has 5 entries: give W1 5 rows",
        ),
        (
            {"W1": (4, 3), "x": (1, 5)},
            "x has rows of 5 numbers, W1 takes 3 inputs: give rows of 3",
        ),
        (
            {"W1": (4, 3), "r": (1,)},
            "r has 1 entry, W1 has 4 outputs: give r 4 entries",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_its_remedy(
    file: Path, shapes: dict[str, tuple[int, ...]], message: str
) -> None:
    path = save(file, {name: np.ones(shape) for name, shape in shapes.items()})
    result = run_in_process("--weights", path)
    assert (result.status, result.stderr.decode()) == (2, f"Error: {path}: {message}\n")


# --- sweeps ---


def test_a_sweep_reads_networks_as_the_command_does(file: Path) -> None:
    save(file, {"W1": normal(4, 4), "W2": normal(4, 4)})
    other = file.with_name("kernels.npz")
    save(other, {"W1": normal(3, 5), "W2": normal(5, 2)})
    options = ("sweep", "--act=tanh", f"--weights={file}", "--format=jsonl")

    def ratios(*more: str) -> list[float]:
        result = run_in_process(*options, *more)
        assert result.status == 0
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        assert "weights_layout" not in lines[0]
        return [line["log10_ratio"] for line in lines]

    for layout in ("out_in", "in_out"):
        assert ratios(f"--weights-layout={layout}") == [
            run_of("--act=tanh", f"--weights={file}", f"--weights-layout={layout}")["log10_ratio"]
        ]
    both = run_in_process(*options, f"--weights={other}")
    said = both.stderr.decode()
    assert said.count("\n") == 2
    assert f"{file}: its weights fit as (n_out, n_in) and as (n_in, n_out)" in said
    assert f"{other}: its weights fit as (n_in, n_out) only" in said
    assert run_in_process(*options, f"--weights={other}", "--quiet").stderr == b""
    toml = file.with_name("sweep.toml")
    toml.write_text(f'weights = "{file}"\nweights-layout = "in_out"\nact = "tanh"\n')
    by_file = run_in_process("sweep", f"--config={toml}", "--format=jsonl")
    assert [json.loads(by_file.stdout)["log10_ratio"]] == ratios("--weights-layout=in_out")


# --- one number a line ---


@pytest.mark.parametrize("kind", ["text", "header", "npy"])
def test_a_column_is_as_many_rows_for_a_network_of_one_input(file: Path, kind: str) -> None:
    column = normal(5)
    path = file.with_name(f"x.{kind}")
    with path.open("wb") as stream:
        if kind == "npy":
            np.save(stream, column)
        else:
            np.savetxt(stream, column, header="value", comments="" if kind == "header" else "# ")
    weights, biases = [normal(1, 4), normal(4, 1)], [normal(4), normal(1)]
    save(file, named("from scratch", weights, biases))
    run = run_of("--act=tanh", "--loss=sum", f"--weights={file}", f"--input={path}")
    check_gradients(run, torch_gradients(weights, biases, column[:, None]))
    assert run["settings"]["batch"] == 5
    # Of a network of as many inputs, it is one vector.
    assert run_of("--act=tanh", "--widths=5,3", f"--input={path}")["settings"]["batch"] == 1
    assert run_of("--act=tanh", "--layers=2", f"--input={path}")["layers"][0]["n_in"] == 5
    assert run_of("--act=tanh", "--widths=1,3", f"--input={path}")["settings"]["batch"] == 5
    assert run_of("--act=tanh", "--width=1", f"--input={path}")["settings"]["batch"] == 5


def test_a_column_is_as_many_targets_of_a_network_of_one_output(file: Path) -> None:
    torch = pytorch()
    x, target = normal(5, 3), normal(5, seed=1)
    kernel = normal(3, 1)
    save(file, {"W1": kernel, "b1": np.zeros(1)})
    np.savetxt(x_path := file.with_name("x.txt"), x)
    np.savetxt(t_path := file.with_name("t.txt"), target)
    w = torch.tensor(kernel, requires_grad=True)
    (0.5 * (torch.tanh(torch.tensor(x) @ w)[:, 0] - torch.tensor(target)) ** 2).mean().backward()
    options = ("--act=tanh", "--loss=mse", f"--target={t_path}", f"--input={x_path}")
    run = run_of(*options, f"--weights={file}")
    check_gradients(run, [(float(w.grad.norm()), None)])
    # For five outputs the same file is one row.
    assert run_of(*options, "--widths=3,5")["settings"]["target"] == str(t_path)
    result = run_in_process(*options, "--widths=3,2")
    assert b"rows of 5 numbers for a chain of 2 outputs" in result.stderr
    settings = Settings(
        widths=(3, 1), batch=5, loss="mse", target=Rows(target), act="tanh", weight_std=1.0
    )
    reference = given_reference(settings)
    assert reference is not None
    assert reference.shape == (5, 1)


def test_numbers_in_one_line_are_one_row_whatever_the_network(file: Path) -> None:
    file.write_text("1 2 3\n")
    result = run_in_process("--widths=1,4", f"--input={file}")
    assert b"rows of 3 numbers for a chain of 1 input:" in result.stderr


# --- header lines ---


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,2\n3,4\n", [[1.0, 2.0], [3.0, 4.0]]),
        ('"sepal length","sepal width"\n5.1,3.5\n', [[5.1, 3.5]]),
        ("\n# made by hand\nx y\n1 2\n", [[1.0, 2.0]]),
        ("\ufeffa,b\n1,2\n", [[1.0, 2.0]]),
        ("x1 x2 x3\r\n1 2 3\r\n", [[1.0, 2.0, 3.0]]),
        ("value\n1\n2\n", [[1.0, 2.0]]),
    ],
)
def test_a_header_line_is_none_of_the_rows(file: Path, text: str, rows: list[list[float]]) -> None:
    file.write_bytes(text.encode())
    assert read_rows(str(file)).values.tolist() == rows


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a,b\n1,2\n3,x\n", "line 3: 'x' is not a number"),
        ("a,b\n1,2\n3\n", "line 3 has 1 numbers, the first row 2"),
        ("a,b\nc,d\n1,2\n", "line 2: 'c' is not a number"),
        ("a,1\n1,2\n", "line 1: 'a' is not a number"),
        ("1,2\na,b\n3,4\n", "line 2: 'a' is not a number"),
        ("a,b\n", "line 1: 'a' is not a number"),
        ("# a\nb c\n", "line 2: 'b' is not a number"),
        ("a b\n1 c\n", "line 2: 'c' is not a number"),
    ],
)
def test_a_line_that_is_no_header_is_named(file: Path, text: str, complaint: str) -> None:
    file.write_text(text)
    with pytest.raises(InputError, match=complaint):
        read_rows(str(file))


@pytest.mark.parametrize(
    ("first", "second", "layout"),
    [
        ("a/kernel", "b/kernel", "in_out"),
        ("coefs_0", "coefs_1", "in_out"),
        ("a.weight", "b.weight", "out_in"),
        # Of names of two libraries nobody knows: as PyTorch has them, as for any other name.
        ("a/kernel", "b.weight", "out_in"),
    ],
)
def test_square_weights_lie_as_their_names_usually_mean(
    tmp_path: Path, first: str, second: str, layout: str
) -> None:
    path = tmp_path / "square.npz"
    path.write_bytes(npz(**{first: np.eye(2), second: np.eye(2)}))
    network = networks.read_network(str(path))
    assert isinstance(network, Network)
    assert network.layout == layout
