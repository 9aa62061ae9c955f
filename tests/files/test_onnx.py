"""Networks that ONNX files hold: every row of their tables, judged by autograd on the same file."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import torch
from command import run_in_process
from exceeding import exceeding
from onnxfiles import (
    ACTIVATIONS,
    NETS,
    WRITTEN_OUT,
    Step,
    constant,
    content,
    gemm,
    layer_norm,
    made,
    mlp,
    normal,
)
from onnxoracle import Evaluation

import vanish
from vanish.errors import VanishError
from vanish.files.onnx.load import FileNode
from vanish.files.onnx.network import read_onnx
from vanish.network import chainrule
from vanish.network.arrays import Rows
from vanish.network.graph import X
from vanish.network.stages import StagedGraph
from vanish.numbers.scaled import Magnitude
from vanish.readings import dense
from vanish.readings.bounds import BOUND
from vanish.readings.dense import DENSE
from vanish.render.notes import bounds
from vanish.simulation.gradients import gradients
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings
from vanish.simulation.verdict import explain
from vanish.sweeps.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Plant

    from vanish.network.filegraph import FileNetwork
    from vanish.simulation.profile import Profile

ROWS = 4
CLOSE = 1e-10


def read(model: Any, until: str = "") -> FileNetwork:
    return read_onnx("net.onnx", content(model), until)


def rows_of(network: FileNetwork) -> Any:
    return np.random.default_rng(7).standard_normal((ROWS, network.sizes[0]))


def simulated(network: FileNetwork, loss: str = "readout", **options: Any) -> Simulation:
    x = Rows(rows_of(network))
    return Simulation(Settings(weights=network, input=x, loss=loss, norm_bound=True, **options))


class Judged:
    """A network beside what autograd says of its file."""

    def __init__(self, model: Any, loss: str = "readout", *, acts_on: str = "") -> None:
        self.network = read(model)
        self.simulation = simulated(self.network, loss)
        self.profile = self.simulation.profile()
        self.judge = Evaluation(model, self.simulation.x)
        self.output = self.judge.values[acts_on or model.graph.output[0].name].reshape(ROWS, -1)
        total = self._loss(loss)
        (total / ROWS).backward()

    def _loss(self, loss: str) -> Any:
        y, zeros = self.output, torch.zeros_like(self.output)
        if loss == "readout":
            return (y * torch.tensor(self.simulation.reference)).sum()
        if loss == "mse":
            return 0.5 * (y * y).sum()
        if loss == "bce":
            return torch.logaddexp(y, zeros).sum()
        if loss == "cross_entropy":
            return (torch.logsumexp(y, 1) - y[:, 0]).sum()
        assert loss == "sum"
        return y.sum()

    def norm(self, name: str) -> float:
        return float(torch.linalg.norm(self.judge.values[name].grad))

    def errors(self) -> Iterator[tuple[str, float]]:
        """Yield how far off the value, each matrix and each vector are, relatively."""
        mine = self.simulation.trace.output.with_exponent(0).values
        wanted = self.output.detach().numpy()
        yield "output", float(np.abs(mine - wanted).max() / np.abs(wanted).max())
        for layer, name in zip(self.profile.layers, self.network.origin.weights, strict=True):
            yield name, relative(float(layer.grad_w), self.norm(name))
        for name, norms in self.profile.measured.parameters.items():
            if name not in ("W", "b"):
                (found,) = norms.at((slice(None), 0)).listed()
                yield name, relative(float(found), self.norm(name))
        gradients = dense.arrays(self.simulation.trace, self.simulation.loss_gradient)
        by_x = dict(gradients)[X].with_exponent(0).values
        judged = self.judge.values[self.judge.x].grad.reshape(ROWS, -1).numpy()
        yield "x", float(np.abs(by_x - judged).max() / np.abs(judged).max())


def relative(found: float, wanted: float) -> float:
    return abs(found - wanted) / wanted


def require_close(judged: Judged) -> None:
    off = {name: error for name, error in judged.errors() if not error < CLOSE}
    assert not off


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_what_onnx_says(name: str) -> None:
    require_close(Judged(mlp(ACTIVATIONS[name])))


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_an_activation_that_is_written_out_is_found_by_its_name(name: str) -> None:
    judged = Judged(mlp(WRITTEN_OUT[name], opset=17))
    require_close(judged)
    assert judged.profile.layers[0].act == name.partition(", ")[0]
    assert judged.network.is_plain


@pytest.mark.parametrize("name", NETS)
def test_a_network_has_the_gradients_of_autograd(name: str) -> None:
    require_close(Judged(NETS[name]))


@pytest.mark.parametrize("name", NETS)
def test_the_norm_bound_holds(name: str) -> None:
    for layer in Judged(NETS[name]).profile.layers:
        assert layer.norm_bound is not None
        assert layer.grad_w.log10 is not None
        assert layer.norm_bound.log10 is not None
        assert layer.grad_w.log10 <= layer.norm_bound.log10 + 1e-12


@pytest.mark.parametrize("name", NETS)
def test_no_gradient_exceeds_its_norm_bound(name: str) -> None:
    assert exceeding(simulated(read(NETS[name]))) == []


@pytest.mark.parametrize(("op", "kind"), [("Add", "plus"), ("Mul", "times")])
def test_a_bound_that_forgets_something_is_noticed(op: str, kind: str, plant: Plant) -> None:
    # All rows of the sum's ∂L/∂f_N are one, and ∂L/∂g has every f, which are large.
    steps = [Step("Mul", "x k", "p"), Step(op, "p g", "q"), gemm("q W", "y")]
    numbers = {"k": np.full(5, 100.0), "g": normal(1), "W": normal(4, 5)}
    simulation = simulated(read(made(steps, numbers, (5,))), "sum")
    assert exceeding(simulation) == []
    plant(BOUND, kind, by=lambda *found: (found[-1],))
    assert exceeding(simulation) != []


@pytest.mark.parametrize(
    ("name", "loss", "acts_on"),
    [
        *(("skip", "mse", ""), ("skip", "sum", ""), ("sigmoid", "mse", ""), ("softmax", "mse", "")),
        *(("sigmoid", "bce", "z"), ("softmax", "cross_entropy", "z")),
        *(("log_softmax", "cross_entropy", "z"), ("softmax, of old", "cross_entropy", "z")),
    ],
)
def test_a_loss_acts_on_the_output_or_before_what_it_contains(
    name: str, loss: str, acts_on: str
) -> None:
    require_close(Judged(NETS[name], loss, acts_on=acts_on))


@pytest.mark.parametrize("name", ["skip", "layer norm", "sequences", "alpha and beta", "joined"])
def test_a_row_has_the_signal_behind_its_bias_and_what_enters_the_next(name: str) -> None:
    behind = {
        "skip": (["a1", "a2", "a3", "y"], ["f1", "f2", "t", "y"]),
        "layer norm": (["a1", "y"], ["n", "y"]),
        "sequences": (["a1", "q", "y"], ["n", "r", "y"]),
        "alpha and beta": (["a1", "y"], ["f1", "y"]),
        "joined": (["a1", "y"], ["s", "y"]),
    }
    judged = Judged(NETS[name])
    for layer, a, f in zip(judged.profile.layers, *behind[name], strict=True):
        assert relative(float(layer.grad_a), judged.norm(a)) < CLOSE
        assert relative(float(layer.grad_f), judged.norm(f)) < CLOSE
        value = judged.judge.values[f].detach().numpy()
        assert relative(float(layer.value), float(np.sqrt(np.mean(value**2)))) < CLOSE
    first, last = behind[name][0][0], behind[name][0][-1]
    assert judged.profile.ratio is not None
    ratio = judged.norm(first) / judged.norm(last)
    assert relative(float(judged.profile.ratio), ratio) < CLOSE
    assert relative(float(judged.simulation.ratio), ratio) < CLOSE


def test_slopes_multiply_along_every_path_of_a_graph() -> None:
    profile = Judged(NETS["skip"]).profile
    largest = [layer.slope_max for layer in profile.layers]
    # tanh in layer 1, relu behind the sum in layer 2; to t the sum goes past relu, too.
    assert largest[1] == 1.0
    assert largest[2:] == [None, None]
    slopes = [layer.slope_product and layer.slope_product.log10 for layer in profile.layers]
    # What flows to the sum comes past relu and through it.
    assert slopes[1] == pytest.approx(np.log10(2.0))
    assert largest[0] is not None
    assert slopes[0] == pytest.approx(np.log10(2.0 * largest[0]))
    assert slopes[2:] == [None, None]


# What may be wrong, and a network in which it shows.
FAULTS = {
    "times": "layer norm",
    "plus": "layer norm",
    "normalise": "layer norm",
    "softmax": "softmax",
    "log_softmax": "log_softmax",
    "join": "joined",
    "affine_each": "sequences",
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_in_an_operation_is_found(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = DENSE.named(kind)

    def off(*given: Any) -> Any:
        one, *others = right.back(*given)
        return (one.times(Magnitude.of(1.0 + 1e-6)), *others)

    monkeypatch.setitem(DENSE._rules, kind, right._replace(back=off))
    chainrule._compiled.cache_clear()
    assert max(error for _, error in Judged(NETS[FAULTS[kind]]).errors()) > CLOSE
    chainrule._compiled.cache_clear()


def test_a_fault_of_the_reader_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = FileNode.number
    monkeypatch.setattr(
        FileNode, "number", lambda self, name, default: plain(self, name, default) * (1.0 + 1e-6)
    )
    assert max(error for _, error in Judged(NETS["alpha and beta"]).errors()) > CLOSE


def test_a_plain_chain_is_the_articles() -> None:
    network = read(mlp())
    assert network.is_plain
    profile = simulated(network).profile()
    assert [(each.act, each.n_in, each.n_out) for each in profile.layers] == [
        ("tanh", 4, 6),
        ("identity", 6, 3),
    ]
    assert profile.measured.entries is not None  # so that lost precision is told


@pytest.mark.parametrize("name", NETS)
def test_a_graph_is_cut_into_rows_of_its_matrices(name: str) -> None:
    model = NETS[name]
    profile = simulated(read(model)).profile()
    shapes = {each.name: tuple(each.dims) for each in model.graph.initializer}
    used = [node.input[1] for node in model.graph.node if node.op_type in ("Gemm", "MatMul")]
    assert len(profile.layers) == len(used)
    rows = profile.rows()
    for row, weight in zip(rows, used, strict=True):
        own = "W1" if weight == "V" and weight not in shapes else weight
        assert row["name"] == own
        assert {row["n_in"], row["n_out"]} == {*shapes[own]}


def test_the_batch_is_whatever_number_stands_in_the_file() -> None:
    model = onnx.ModelProto()
    model.CopyFrom(NETS["images"])  # others read it, too
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    for batch in (1, 5):
        profile = Simulation(Settings(weights=read(model), batch=batch)).profile()
        assert profile.settings.rows == batch


def test_without_a_file_the_input_is_normal() -> None:
    network = read(NETS["layer norm"])
    x = Simulation(Settings(weights=network, batch=2000, seed=3)).x
    assert x.shape == (2000, 5)
    assert abs(x.mean()) < 0.05
    assert abs(x.std() - 1.0) < 0.05


def test_softmax_and_sum_are_dead_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content(NETS["softmax"]))
    result = run_in_process("--weights", str(path), "--loss=sum", "--format=json")
    assert result.status == 0
    (run,) = json.loads(result.stdout)["runs"]
    assert run["verdict"] == "dead"
    assert {layer["grad_w"] for layer in run["layers"]} == {0.0}
    assert b"the outputs of its softmax add up to 1" in result.stderr


def test_until_cuts_at_a_node_or_at_its_value() -> None:
    for until in ("n_f1", "f1"):
        network = read(NETS["softmax"], until)
        assert network.origin.weights == ("W1",)
        assert network.sizes == (5, 5)
    with pytest.raises(VanishError, match="until 'f9' names no node"):
        read(NETS["softmax"], "f9")


def test_what_a_file_calls_its_arrays_is_escaped(tmp_path: Path) -> None:
    steps = [gemm("x \x1b[31m b", "a"), Step("Tanh", "a", "y")]
    model = made(steps, {"\x1b[31m": normal(3, 2), "b": normal(3)}, [2])
    path = tmp_path / "net.onnx"
    path.write_bytes(content(model))
    result = run_in_process("--weights", str(path), "--format=tsv", "--quiet")
    assert b"\x1b" not in result.stdout
    assert b"\\x1b[31m" in result.stdout


def test_a_run_of_the_command_has_the_numbers_of_the_file(tmp_path: Path) -> None:
    model, path, x = NETS["layer norm"], tmp_path / "net.onnx", tmp_path / "x.npy"
    path.write_bytes(content(model))
    judged = Judged(model)
    np.save(x, judged.simulation.x)
    options = ("--weights", str(path), "--input", str(x))
    result = run_in_process(*options, "--format=json", "--quiet")
    assert (result.status, result.stderr) == (0, b"")
    (run,) = json.loads(result.stdout)["runs"]
    for layer, name in zip(run["layers"], ("W1", "E"), strict=True):
        assert layer["name"] == name
        assert relative(layer["grad_w"], judged.norm(name)) < CLOSE
    (gamma,) = run["parameters"]["g"]["log10_grad"]
    assert relative(10.0**gamma, judged.norm("g")) < CLOSE
    assert run["settings"]["weights"] == str(path)
    assert run["settings"]["block"] is None
    for end in ("html", "table"):
        assert run_in_process(*options, f"--format={end}").status == 0


def test_several_seeds_and_gains_are_run(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content(NETS["skip"]))
    result = run_in_process("--weights", str(path), "--trials=3", "--gain=1,2,1,0.5", "--quiet")
    assert result.status == 0


def test_a_graph_is_sent_to_another_process_whole() -> None:
    graph = read(NETS["skip"]).graph
    assert isinstance(graph, StagedGraph)
    make, parts = graph.__reduce__()
    again = make(*parts)
    assert again.stages == graph.stages
    assert again.runs == graph.runs


def test_of_several_outputs_the_first_real_one_is_taken() -> None:
    steps = [gemm("x W", "a"), Step("ArgMax", "a", "k", {"axis": 1}), Step("Tanh", "a", "y")]
    model = made(steps, {"W": normal(3, 2)}, [2], outputs=["k", "y"])
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    assert read(model).label == "net.onnx"
    assert read(model).sizes == (2, 3)


def test_values_before_a_softmax_that_float64_cannot_hold_are_one_line() -> None:
    steps = [gemm("x W", "a"), Step("Mul", "a k", "b"), Step("Softmax", "b", "y")]
    model = made(steps, {"W": normal(3, 2), "k": np.full(3, 1e308)}, [2])
    model.graph.node.insert(1, onnx.helper.make_node("Mul", ["a", "k"], ["c"]))
    model.graph.node[2].input[0] = "c"
    simulation = simulated(read(model))
    with pytest.raises(VanishError, match="the values before a softmax grow past"):
        simulation.profile()


@pytest.mark.parametrize("name", ["layer norm", "skip", "branches", "one matrix twice"])
def test_gradients_have_the_names_of_the_table(name: str) -> None:
    simulation = simulated(read(NETS[name]))
    profile = simulation.profile()
    found = gradients(profile.settings)
    assert isinstance(profile.measured.graph, StagedGraph)
    for k, layer in enumerate(profile.layers, 1):
        for letter, norm in (("W", layer.grad_w), ("a", layer.grad_a), ("f", layer.grad_f)):
            assert relative(float(np.linalg.norm(found[f"{letter}{k}"])), float(norm)) < CLOSE
    assert found["x"].shape == simulation.x.shape
    # Nothing is left out: γ and β of a norm have names, too.
    assert len(found) >= len(profile.measured.parameters)


def weakened(profile: Profile) -> Profile:
    """Return a run with thresholds by which its signal vanishes, or explodes."""
    ratio = float(profile.ratio or 1.0)
    below, above = (2.0 * ratio, 4.0 * ratio) if ratio < 1.0 else (0.25 * ratio, 0.5 * ratio)
    return Simulation(profile.settings.but(vanish_below=below, explode_above=above)).profile()


@pytest.mark.parametrize(
    ("name", "is_chain"),
    [("layer norm", True), ("joined", True), ("sequences", True), ("branches", False),
     ("skip", False)],
)  # fmt: skip
def test_of_a_graph_that_branches_no_steps_are_told(name: str, *, is_chain: bool) -> None:
    profile = simulated(read(NETS[name])).profile()
    assert profile.is_chain is is_chain
    assert (profile.decades_per_layer is not None) is is_chain
    assert ("-fold a layer" in explain(weakened(profile)).text) is is_chain


def test_a_saturated_layer_is_blamed_and_not_the_next() -> None:
    depth, at = 8, 4
    steps = [Step("LayerNormalization", "x g h", "f0")]
    arrays = {"g": np.ones(6), "h": np.zeros(6)}
    for k in range(1, depth + 1):
        steps += [gemm(f"f{k - 1} W{k} b{k}", f"a{k}"), Step("Sigmoid", f"a{k}", f"f{k}")]
        arrays |= {f"W{k}": normal(6, 6, scale=2.0, seed=k), f"b{k}": np.zeros(6)}
    arrays[f"b{at}"] -= 40.0
    steps[-1] = Step("Sigmoid", f"a{depth}", "y")
    profile = simulated(read(made(steps, arrays, [6]))).profile()
    assert profile.is_chain
    assert [fault.layer for fault in profile.faults.found if fault.slopes is not None] == [at]
    text = explain(profile).text
    assert f"What follows layer {at} keeps" in text


def test_a_softmax_of_lines_is_not_the_one_that_a_loss_contains() -> None:
    network = read(NETS["softmax of lines at the end"])
    assert network.closing == ""
    with pytest.raises(VanishError, match="cross_entropy"):
        Simulation(Settings(weights=network, loss="cross_entropy", target=Rows(np.zeros((1, 1)))))


def test_a_constant_that_is_used_twice_is_one_matrix() -> None:
    def steps(first: list[Step]) -> list[Step]:
        return [
            *first,
            *(Step("MatMul", "x W", "a"), Step("Tanh", "a", "f"), Step("MatMul", "f W", "y")),
        ]

    matrix = normal(4, 4)
    by_node = read(made(steps([constant("W", matrix)]), {}, [4]))
    by_array = read(made(steps([]), {"W": matrix}, [4]))
    assert len(by_node.arrays) == len(by_array.arrays) == 1
    norms = [simulated(each).profile().layers[0].grad_w for each in (by_node, by_array)]
    assert norms[0] == norms[1]
    with pytest.raises(VanishError, match="meet a matrix twice"):
        Simulation(Settings(weights=by_array, last_gain=0.5))
    with pytest.raises(VanishError, match="meet a matrix twice"):
        Simulation(Settings(weights=by_array, gain=(1.0, 0.5)))


def test_of_a_norm_both_means_are_over_the_same_axes() -> None:
    steps = [
        *(Step("ReduceMean", "x", "m", {"axes": [1, 2]}), Step("Sub", "x m", "c")),
        *(constant("two", 2.0), Step("Pow", "c two", "q"), constant("eps", 1e-5)),
        *(Step("ReduceMean", "q", "v", {"axes": [2]}), Step("Add", "v eps", "w")),
        *(Step("Sqrt", "w", "s"), Step("Div", "c s", "n"), Step("Flatten", "n", "r")),
        gemm("r V", "y"),
    ]
    with pytest.raises(VanishError, match="no part of a norm of rows"):
        read(made(steps, {"V": normal(3, 6)}, [2, 3], opset=17))


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        (
            [Step("Add", "a b", "c", {"broadcast": 1, "axis": 1}), Step("Tanh", "c", "y")],
            "broadcast",
        ),
        ([Step("Dropout", "a", "y")], "no is_test"),
    ],
)
def test_what_operators_meant_of_old_is_refused(steps: list[Step], why: str) -> None:
    arrays = {"W": normal(2, 3), "b": normal(3)}
    model = made([Step("MatMul", "x W", "a"), *steps], arrays, [3, 2], opset=6)
    with pytest.raises(VanishError, match=why):
        read_onnx("net.onnx", model.SerializeToString(), "")


def test_a_vector_that_is_used_in_several_ways_has_a_part_for_each() -> None:
    steps = [
        *(Step("MatMul", "x W", "p"), Step("Add", "p c", "a"), Step("Tanh", "a", "f")),
        *(Step("Mul", "f c", "q"), Step("Sub", "q d", "r"), gemm("r V", "y")),
    ]
    arrays = {"W": normal(4, 4), "V": normal(2, 4, seed=2), "c": normal(4, seed=3)}
    judged = Judged(made(steps, arrays | {"d": normal(4, seed=4)}, (4,)))
    found = judged.profile.measured.parameters
    parts = {name: float(norms.at((slice(1), 0)).listed()[0]) for name, norms in found.items()}
    assert parts.keys() == {"W", "b", "c (g1)", "d"}
    assert relative(parts["d"], judged.norm("d")) < CLOSE
    # What autograd has is both of c together.
    whole = judged.norm("c")
    assert abs(parts["c (g1)"] - parts["b"]) <= whole <= parts["c (g1)"] + parts["b"]
    assert relative(parts["c (g1)"], whole) > 0.01


def test_a_vector_of_zeros_that_is_added_and_subtracted_has_two_parts() -> None:
    steps = [
        *(Step("Add", "x z", "s"), Step("MatMul", "s W", "a"), Step("Tanh", "a", "t")),
        *(Step("Sub", "t z", "d"), gemm("d V", "y")),
    ]
    arrays = {"W": normal(4, 4), "V": normal(2, 4, seed=2), "z": np.zeros(4)}
    judged = Judged(made(steps, arrays, (4,)))
    found = judged.profile.measured.parameters
    named = sorted(found.keys() - {"W", "b"})
    parts = sorted(float(found[name].at((slice(None), 0)).listed()[0]) for name in named)
    assert len(parts) == 2
    assert parts[1] - parts[0] <= judged.norm("z") <= sum(parts)


@pytest.mark.parametrize("further", [(), ("scale",)])
def test_a_bias_that_is_used_twice_has_the_gradient_of_both_uses(further: tuple[str, ...]) -> None:
    last = [Step("Mul", "q s", "r"), gemm("r V c", "y")] if further else [gemm("q V c", "y")]
    steps = [gemm("x W b", "a"), Step("Tanh", "a", "f"), gemm("f U b", "p"), Step("Tanh", "p", "q")]
    arrays = {"W": normal(4, 4), "U": normal(4, 4, seed=5), "V": normal(2, 4, seed=2)}
    arrays |= {"b": normal(4, seed=3), "c": normal(2, seed=4)} | (
        {"s": np.ones(4)} if further else {}
    )
    judged = Judged(made([*steps, *last], arrays, (4,)))
    found = judged.profile.measured.grad_b
    for k in (0, 1):
        assert relative(float(found.at((slice(None), 0)).listed()[k]), judged.norm("b")) < CLOSE
    assert relative(float(found.at((slice(None), 0)).listed()[2]), judged.norm("c")) < CLOSE


def test_infinity_bounds_no_clip() -> None:
    def act(*bounds: float) -> str:
        steps = [
            *(constant(name, np.float64(each)) for name, each in zip("lh", bounds, strict=True))
        ]
        steps += [gemm("x W", "a"), Step("Clip", "a l h", "f"), gemm("f V", "y")]
        network = read(made(steps, {"W": normal(4, 4), "V": normal(2, 4, seed=2)}, (4,)))
        return Settings(weights=network).model.activations[0].name

    assert act(0.0, math.inf) == "relu"
    assert act(-math.inf, math.inf) == "identity"
    assert act(-math.inf, 2.0) == "min(x,2)"


def test_vectors_that_are_called_w_and_b_hide_no_matrix() -> None:
    steps = [gemm("x M c", "a"), *layer_norm("a", "l", gamma="W", beta="b"), gemm("l N e", "y")]
    arrays = {"M": normal(5, 4), "c": normal(5, seed=1), "N": normal(3, 5, seed=2)}
    arrays |= {"e": normal(3, seed=3), "W": normal(5, seed=4), "b": normal(5, seed=5)}
    judged = Judged(made(steps, arrays, (4,), opset=17))
    found = judged.profile.measured.parameters
    assert len(found["W"].mantissas) == len(found["b"].mantissas) == 2
    for name in ("W", "b"):
        (mine,) = (found[each] for each in found if each.startswith(f"{name} ("))
        assert relative(float(mine.at((slice(None), 0)).listed()[0]), judged.norm(name)) < CLOSE


@pytest.mark.parametrize("seed", range(10))
def test_a_files_norm_leaves_nothing_of_one_active_unit(seed: int) -> None:
    """Without an ε LN is the same of any size, so that nothing flows back to the one a."""
    draw = np.random.default_rng(seed).standard_normal
    arrays = {"A": np.outer(draw(4), [1, 0, 0, 0]), "B": draw((4, 5)), "C": draw((5, 2))}
    steps = [
        *(Step("MatMul", "x A", "a"), Step("Relu", "a", "r"), Step("MatMul", "r B", "c")),
        Step("LayerNormalization", "c g", "l", {"epsilon": 1e-30}),
        Step("MatMul", "l C", "y"),
    ]
    network = read(made(steps, arrays | {"g": np.ones(5)}, (4,)))
    profile = Simulation(Settings(weights=network, batch=1, seed=seed)).profile()
    assert not profile.layers[0].grad_a
    assert profile.verdict is vanish.Verdict.DEAD


def stem() -> Any:
    """Return a network whose first matrix is in front of no S, as every second one behind it."""
    steps, value = [gemm("x E e", "s")], "s"
    arrays = {"E": normal(5, 4), "e": normal(5, seed=1)}
    for i in range(3):
        arrays |= {f"U{i}": normal(8, 5, seed=10 + i), f"D{i}": normal(5, 8, seed=20 + i)}
        arrays |= {f"g{i}": normal(5, seed=30 + i), f"h{i}": normal(5, seed=40 + i)}
        steps += layer_norm(value, f"l{i}", gamma=f"g{i}", beta=f"h{i}")
        steps += [gemm(f"l{i} U{i}", f"a{i}"), Step("Relu", f"a{i}", f"r{i}")]
        steps += [gemm(f"r{i} D{i}", f"o{i}"), Step("Add", f"{value} o{i}", f"y{i}")]
        value = f"y{i}"
    steps.append(Step("Identity", value, "y"))
    return made(steps, arrays, (4,), opset=17)


def test_what_has_no_s_has_no_product_of_slopes() -> None:
    judged = Judged(stem())
    has_none = [layer.layer for layer in judged.profile.layers if layer.slope_product is None]
    assert has_none == [1, 3, 5, 7]
    assert has_none == [each.layer for each in judged.profile.layers if each.slope_bound is None]
    told = bounds(judged.profile).heading
    assert told.startswith("Slopes multiply to at most 4 from layer 2 on (measured 4)")
    assert "sigmoid" not in told


def test_a_page_is_drawn_of_layers_with_an_s_and_without(tmp_path: Path) -> None:
    (tmp_path / "stem.onnx").write_bytes(content(stem()))
    for line in (("--weights", "stem.onnx"), ("--block", "x + W LN(x)", "--widths", "4,6,6")):
        words = [str(tmp_path / word) if word == "stem.onnx" else word for word in line]
        result = run_in_process(*words, "-q", "--norm-bound", "--format=html")
        assert (result.status, result.stderr) == (0, b"")
        assert result.stdout.count(b"<svg") > 0


@pytest.mark.parametrize("op", ["", "Reciprocal", "Sqrt"])
def test_the_number_of_rows_is_no_factor(op: str) -> None:
    steps = [
        *(gemm("x W", "a"), Step("Shape", "x", "s"), constant("zero", 0)),
        *(Step("Gather", "s zero", "n"), Step("Cast", "n", "m", {"to": 1})),
        *([Step(op, "m", "k")] if op else []),
        Step("Mul", f"a {'k' if op else 'm'}", "y"),
    ]
    with pytest.raises(VanishError, match="the number of rows as a number"):
        read(made(steps, {"W": normal(3, 2)}, [2]))


def test_the_length_of_a_row_is_a_factor() -> None:
    steps = [
        *(gemm("x W", "a"), Step("Shape", "a", "s"), constant("one", 1)),
        *(Step("Gather", "s one", "n"), Step("Cast", "n", "m", {"to": 1})),
        Step("Div", "a m", "y"),
    ]
    model = made(steps, {"W": normal(3, 2)}, [2])
    require_close(Judged(model))


def test_a_sweep_tells_networks_by_what_is_in_them() -> None:
    networks = [read(mlp([Step(op, "a", "f")])) for op in ("Tanh", "Relu")]
    networks.append(read(NETS["layer norm"]))
    grids = [Grid({"weights": [each]}) for each in networks]
    assert len({grid.fingerprint() for grid in grids}) == 3
    assert grids[0].as_dict() == {"weights": ["net.onnx"]}
    again = [read(mlp([Step("Tanh", "a", "f")])), read(NETS["layer norm"])]
    for network, grid in zip(again, (grids[0], grids[2]), strict=True):
        assert Grid({"weights": [network]}).fingerprint() == grid.fingerprint()
    shown = str(vanish.sweep(weights=[read(NETS["skip"])], seed=[0, 1]))
    assert "∞" not in shown


def test_no_derivation_is_written_of_a_graph() -> None:
    with pytest.raises(VanishError, match="a graph of their own"):
        vanish.derive(weights=read(NETS["skip"]))
