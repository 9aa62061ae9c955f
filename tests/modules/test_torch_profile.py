"""`vanish.torch.profile` against plain autograd and `vanish.simulate`; and what stays as it was."""

from __future__ import annotations

import copy
import doctest
import json
import math
import random
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from command import environment
from networks import (
    CASES,
    Case,
    Function,
    Module,
    cnn,
    encoder,
    judged,
    lstm,
    mlp,
    nn,
    square,
    torch,
)

import vanish
import vanish.render.folding
import vanish.torch.measuring
from vanish import VanishError
from vanish.errors import UsageError
from vanish.numbers.scaled import Magnitude
from vanish.simulation.columns import LAYERS
from vanish.simulation.modulecolumns import MODULES
from vanish.torch import Profile, profile
from vanish.torch.tallies import pooled, tally

EXACT = 1e-12

# Those of a chain that nobody knows of modules.
EMPTY = [column.name for column in MODULES.columns if column.meaning == "empty"]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def measured(case: Case, **options: Any) -> Profile:
    batch = case.args[0] if len(case.args) == 1 else case.args
    found: Profile = profile(case.model, batch, case.loss, target=case.target, **options)
    return found


def layer(found: Profile, name: str) -> Any:
    return next(each for each in found.layers if each.name == name)


def close(found: Magnitude | None, expected: float, rel: float = EXACT) -> bool:
    return found is not None and float(found) == pytest.approx(expected, rel=rel, abs=0.0)


# --- against plain autograd ---


def test_the_judge_is_not_satisfied_with_less() -> None:
    assert not close(Magnitude.of(1.0 + 1e-11), 1.0)
    assert not close(None, 1.0)
    case = mlp()
    plain = judged(case)
    with torch.no_grad():
        case.model[2].weight[0, 0] *= 1.0 + 1e-6
    assert not close(measured(case).layers[0].grad_w, plain.parameters["0.weight"])


@pytest.mark.parametrize("name", CASES)
def test_every_gradient_is_that_of_plain_autograd(name: str) -> None:
    case = CASES[name]()
    plain = judged(case)
    found = measured(case)
    assert {each.parameter for each in found.layers} == {
        parameter for parameter, each in case.model.named_parameters() if each.dim() > 1
    }
    for each in found.layers:
        assert close(each.grad_w, plain.parameters[each.parameter])
        bias = each.parameter.replace("weight", "bias")
        if each.grad_b is not None and plain.parameters[bias] > 1e-12:
            assert close(each.grad_b, plain.parameters[bias])
        site = each.parameter.rpartition(".")[0]
        if each.grad_a is not None and site in plain.outputs:
            assert close(each.grad_a, plain.outputs[site])
    for parameter, norm in plain.parameters.items():
        # Before a BatchNorm a bias has none but rounding.
        assert norm < 1e-12 or close(found.run.gradients[parameter], norm), parameter
    assert found.run.gradients.keys() == plain.parameters.keys()


def test_layers_stand_in_the_order_of_the_forward_pass_with_their_names() -> None:
    assert [each.name for each in measured(cnn()).layers] == ["0", "3", "8"]
    names = [each.name for each in measured(encoder()).layers]
    assert names == ["self_attn.in_proj", "self_attn.out_proj", "linear1", "linear2"]
    found = measured(lstm())
    assert [each.name for each in found.layers] == [
        *(f"lstm.weight_{part}_l{k}" for k in (0, 1) for part in ("ih", "hh")),
        "head",
    ]
    # What several matrices give together stands beside the last one.
    assert [each.grad_a is None for each in found.layers] == [True, True, True, False, False]
    assert found.ends == (4, 5)


def test_a_module_with_a_skip_beside_it_has_the_gradient_through_itself_alone() -> None:
    class Skipped(Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            a = self.first(x)
            return a + self.second(a)

    torch.manual_seed(4)
    model, x = Skipped(), torch.randn(3, 4)
    found = profile(model, x, square)
    twin = copy.deepcopy(model).double()
    a = twin.first(x.double()).detach().requires_grad_()
    entered = a.clone().requires_grad_()
    entered.retain_grad()
    square(a + twin.second(entered)).backward()
    through = float(entered.grad.norm())
    assert close(found.layers[1].grad_input, through)
    total = torch.autograd.grad(square(a + twin.second(a)), a)[0]
    assert close(found.layers[0].grad_a, float(total.norm()))
    assert float(total.norm()) != pytest.approx(through, rel=0.1)
    assert not found.is_chain
    assert found.decades_per_layer is None


@pytest.mark.parametrize("write", [nn.ReLU(inplace=True), nn.functional.relu_, torch.Tensor.zero_])
def test_who_writes_over_an_output_does_not_change_what_is_measured(write: Any) -> None:
    class Written(Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 1)

        def forward(self, x: Any) -> Any:
            return self.second(write(self.first(x)))

    torch.manual_seed(5)
    case = Case(Written(), (torch.randn(6, 4),), square)
    plain, found = judged(case), measured(case)
    assert close(found.layers[0].grad_a, plain.outputs["first"])
    a = copy.deepcopy(case.model.first).double()(case.args[0].double())
    assert close(found.layers[0].sizes["a"].rms, a.detach().square().mean().sqrt().item())


class Twice(Module):
    """A layer that is called three times, as an unrolled recurrent network does."""

    def __init__(self) -> None:
        super().__init__()
        self.step, self.head = nn.Linear(5, 5), nn.Linear(5, 1)

    def forward(self, x: Any) -> Any:
        for _ in range(3):
            x = torch.tanh(self.step(x))
        return self.head(x)


def test_of_a_layer_that_is_called_several_times_there_is_the_sum_and_each_call() -> None:
    torch.manual_seed(6)
    case = Case(Twice(), (torch.randn(4, 5),), square)
    plain, found = judged(case), measured(case)
    step = layer(found, "step")
    assert step.calls == 3
    assert close(step.grad_w, plain.parameters["step.weight"])

    twin = copy.deepcopy(case.model).double()
    x, values, weights = case.args[0].double(), [], []
    for _ in range(3):
        weights.append(twin.step.weight.detach().clone().requires_grad_())
        values.append(nn.functional.linear(x, weights[-1], twin.step.bias))
        x = values[-1].tanh()
    wanted = torch.autograd.grad(square(twin.head(x)), [*values, *weights])
    norms = [float(each.norm()) for each in wanted]
    assert len(step.by_call) == 3
    for call, by_a, by_w in zip(step.by_call, norms[:3], norms[3:], strict=True):
        assert close(call["grad_a"], by_a)
        assert close(call["grad_w"], by_w)
    assert close(step.grad_a, math.hypot(*norms[:3]))
    assert found.to_dict()["runs"][0]["calls"]["step"][0]["log10_grad_a"] == pytest.approx(
        math.log10(norms[0])
    )


def test_of_a_parameter_with_several_names_every_layer_has_the_whole_gradient() -> None:
    class Tied(Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, tokens: Any) -> Any:
            return self.head(self.embed(tokens).tanh())

    torch.manual_seed(7)
    case = Case(Tied(), (torch.arange(10) % 7,), nn.CrossEntropyLoss(), torch.arange(10) % 7)
    plain, found = judged(case), measured(case)
    assert [each.name for each in found.layers] == ["embed", "head"]
    for each in found.layers:
        assert close(each.grad_w, plain.parameters["embed.weight"])
    assert found.layers[0].grad_input is None
    assert (found.layers[0].n_in, found.layers[0].n_out) == (7, 4)
    assert found.run.shared == (("embed.weight", "head.weight"),)
    assert "One parameter: embed.weight, head.weight" in str(found)


# --- against vanish itself ---


def chain(act: str, depth: int = 6) -> tuple[Any, vanish.api.Profile]:
    """Return a network and the same in `vanish.simulate`."""
    module = {"tanh": nn.Tanh, "relu": nn.ReLU, "sigmoid": nn.Sigmoid, "gelu": nn.GELU}[act]
    model = mlp(depth, module).model.double()
    x = torch.randn(5, 12, generator=torch.Generator().manual_seed(9)).double()
    arrays = {}
    for k, linear in enumerate((each for each in model if isinstance(each, nn.Linear)), 1):
        arrays[f"W{k}"] = linear.weight.detach().numpy()
        arrays[f"b{k}"] = linear.bias.detach().numpy()
    own = vanish.simulate(
        weights=arrays, act=act, last_act="identity", input=vanish.Rows(x.numpy()), loss="sum"
    )
    return profile(model, x, lambda output: output.sum(dim=1).mean()), own


ALIKE = [
    *("act", "layer", "n_in", "n_out", "grad_w", "log10_grad_w", "log10_grad_b", "log10_grad_f"),
    *("slope_mean", "slope_max", "zero_fraction", "status", "log10_rel_grad_w", "active_units"),
    *("dead_fraction", "log10_grad_a", "log10_gain_back", "log10_rms_a", "mean_f", "std_f"),
    *("saturated", "max_abs_a"),
]


@pytest.mark.parametrize("act", ["tanh", "relu", "sigmoid", "gelu"])
def test_a_chain_is_what_vanish_says_of_the_same_weights(act: str) -> None:
    found, own = chain(act)
    assert found.is_chain
    assert len(found.layers) == len(own.layers) == 6
    for mine, theirs in zip(found.rows(), own.rows(), strict=True):
        for column in ALIKE:
            one, other = mine[column], theirs[column]
            near = pytest.approx(other, rel=1e-10, abs=0.0) if isinstance(other, float) else other
            assert one == near, column
    assert found.verdict is own.verdict
    assert found.log10_ratio == pytest.approx(own.log10_ratio, rel=1e-10)
    assert found.log10_ratio_w == pytest.approx(own.log10_ratio_w, rel=1e-10)
    assert {*LAYERS.names} - {*ALIKE} - {*EMPTY} == {"engine", "init", "name"}


def test_the_sentences_of_a_chain_are_those_of_vanish() -> None:
    for act in ("sigmoid", "tanh"):
        found, own = chain(act, depth=8)
        told, names = found.story.text.split(" Layer 1 is ")
        assert names == "'0' and layer 8 is '14'."
        assert vanish.simulation.verdict.explain(own).text.replace("(0.", "(0.") == told


# --- what is at fault ---


def test_a_weight_that_is_too_small_is_named() -> None:
    case = mlp(depth=8, width=16)
    with torch.no_grad():
        case.model[6].weight *= 1e-5
    found = measured(case)
    assert [(fault.layer, fault.slopes) for fault in found.named_faults] == [(4, None)]
    assert found.named_faults[0].weight == pytest.approx(-5.0, abs=0.7)
    assert "W4 multiplies the signal by " in found.story.text
    assert "Rescale W4." in found.story.text
    assert "layer 4 is '6'" in found.story.text


def test_a_saturated_layer_is_named_by_its_slopes() -> None:
    case = mlp(depth=8, width=16)
    with torch.no_grad():
        case.model[6].bias += 12.0
    found = measured(case)
    assert [(fault.layer, fault.weight) for fault in found.named_faults] == [(4, None)]
    assert "the slopes of layer 4 keep" in found.story.text.lower()
    assert layer(found, "6").slopes.saturated == 1.0


def test_what_follows_a_layer_is_no_slope_where_it_is_more() -> None:
    class Weaker(Module):
        def forward(self, x: Any) -> Any:
            return 1e-5 * x

    case = mlp(depth=8, width=16)
    case.model[7] = nn.Sequential(nn.Tanh(), Weaker())
    found = measured(case)
    assert [fault.layer for fault in found.named_faults] == [4]
    assert "what follows layer 4 keeps" in found.story.text.lower()
    assert found.layers[3].act == "tanh"


def test_dead_units_are_counted_where_the_activation_is_known() -> None:
    case = mlp(depth=5, act=nn.ReLU, width=40)
    with torch.no_grad():
        case.model[2].bias[:36] -= 50.0
    found = measured(case)
    assert layer(found, "2").dead_fraction >= 0.9
    assert "In layer 2, " in found.story.text
    assert "units are dead (slope 0 on every row of the batch)" in found.story.text
    # Of another formula than an activation's nobody knows the slopes.
    odd = nn.Sequential(nn.Linear(4, 4), nn.Softsign(), nn.Linear(4, 4), nn.LeakyReLU(0.3))
    assert [each.act for each in profile(odd, torch.randn(2, 4), square).layers] == ["", ""]


ACTS = {
    "identity": nn.Identity(),
    "sigmoid": nn.Sigmoid(),
    "tanh": torch.tanh,
    "relu": nn.functional.relu,
    "leaky_relu": nn.LeakyReLU(),
    "elu": nn.ELU(inplace=True),
    "selu": nn.SELU(),
    "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU(approximate="tanh"),
    "silu": nn.SiLU(),
    "softplus": nn.Softplus(),
    "mish": nn.Mish(),
    "hard_sigmoid": nn.Hardsigmoid(),
    "hard_tanh": nn.Hardtanh(),
    "relu6": nn.ReLU6(),
    "hard_swish": nn.Hardswish(),
    "sin": torch.sin,
    "log_sigmoid": nn.LogSigmoid(),
}


@pytest.mark.parametrize("act", ACTS)
def test_an_activation_is_known_whether_it_is_a_module_or_a_function(act: str) -> None:
    class Acting(Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 2)

        def forward(self, x: Any) -> Any:
            return self.second(ACTS[act](self.first(x)))

    torch.manual_seed(8)
    model, x = Acting(), torch.randn(4, 6)
    first = layer(profile(model, x, square), "first")
    assert first.act == act
    a = copy.deepcopy(model.first).double()(x.double()).detach().requires_grad_()
    ACTS[act](a.clone()).sum().backward()
    # torch's hard_sigmoid has single precision in it.
    rel = 1e-7 if act == "hard_sigmoid" else EXACT
    assert first.slopes.mean == pytest.approx(float(a.grad.abs().mean()), rel=rel)


# --- numbers ---


def test_nothing_underflows_that_float32_loses() -> None:
    case = mlp(depth=60, act=nn.Sigmoid)
    found = measured(case)
    assert found.verdict is vanish.Verdict.VANISHING
    assert found.layers[0].grad_w
    assert (found.layers[0].grad_w.log10 or 0.0) < -45.0
    assert "In float32 " in str(found)
    plain = measured(case, dtype=None)
    assert plain.run.number_type == "float32"
    assert plain.verdict is vanish.Verdict.DEAD
    assert "The signal is exactly 0 in float32 in layers 1-" in plain.story.text


def test_a_model_in_half_precision_is_measured_as_the_numbers_that_it_has() -> None:
    case = mlp()
    half = case.model.bfloat16()
    found = profile(half, case.args[0].bfloat16(), case.loss, target=case.target)
    plain = judged(case._replace(model=half, args=(case.args[0].bfloat16(),)))
    assert close(found.layers[0].grad_w, plain.parameters["0.weight"])
    as_it_is = profile(half, case.args[0].bfloat16(), case.loss, target=case.target, dtype=None)
    assert as_it_is.run.number_type == "bfloat16"
    assert float(as_it_is.layers[0].grad_w or 0.0) == pytest.approx(
        plain.parameters["0.weight"], rel=0.05
    )


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300, 5e-324, 1e-200, 1e200])
def test_a_tally_keeps_every_size(scale: float) -> None:
    values = np.array([[3.0, -4.0], [0.0, 12.0]]) * scale
    size, mean, std = tally(torch.from_numpy(values))
    exact = [Magnitude.of(abs(each)) for each in values.ravel().tolist()]
    norm = sum((each * each for each in exact), Magnitude.of(0.0)).root()
    assert float(size.norm / norm) == pytest.approx(1.0, rel=1e-15)
    assert float(size.largest) == np.abs(values).max()
    # The mean is 11/4 of the scale, the variance 169/4 - (11/4)².
    unit = exact[3] / Magnitude.of(12.0)
    assert float(mean.magnitude() / unit) == pytest.approx(2.75, rel=1e-14)
    assert float(std / unit) == pytest.approx(math.sqrt(169 / 4 - 2.75**2), rel=1e-14)


def test_tallies_together_are_those_of_all_entries() -> None:
    one, other = torch.randn(40).double() - 3.0, 1e-3 * torch.randn(7).double()
    whole = tally(torch.cat([one, other]))
    size, spread = pooled([tally(one), tally(other)])
    assert float(size.norm) == pytest.approx(float(whole.size.norm), rel=1e-14)
    assert (float(size.largest), size.entries) == (float(whole.size.largest), 47)
    assert spread.mean.exact() == pytest.approx(whole.mean.exact(), rel=1e-14)
    assert float(spread.std) == pytest.approx(float(whole.std), rel=1e-14)


# --- networks of other kinds ---


@dataclass
class Output:
    """What a network of many libraries gives."""

    logits: Any
    loss: Any = None


class Named(Module):
    """A network of several inputs by name, with its loss in what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(4, 3), nn.Linear(2, 3)

    def forward(self, left: Any, right: Any, labels: Any = None) -> Output:
        logits = self.left(left) + self.right(right)
        return Output(logits, nn.functional.cross_entropy(logits, labels))


def test_inputs_by_name_and_a_loss_in_the_output() -> None:
    torch.manual_seed(10)
    batch = {"left": torch.randn(5, 4), "right": torch.randn(5, 2), "labels": torch.arange(5) % 3}
    found = profile(Named(), batch, lambda output: output.loss)
    assert [each.name for each in found.layers] == ["left", "right"]
    # Both get the same signal.
    assert found.log10_ratio == pytest.approx(0.0, abs=1e-12)


def test_a_target_is_the_last_item_where_the_loss_takes_two() -> None:
    case = mlp()
    alone = measured(case)
    pair = [case.args[0], case.target]
    assert profile(case.model, pair, case.loss).rows() == alone.rows()
    twice = profile(case.model, pair, nn.functional.cross_entropy)
    assert twice.rows() == alone.rows()
    with pytest.raises(VanishError, match=r"loss CrossEntropyLoss takes a target, too: give targ"):
        profile(case.model, case.args[0], case.loss)


def test_what_needs_no_gradient_or_is_not_called_says_so() -> None:
    case = mlp()
    case.model[0].weight.requires_grad_(requires_grad=False)
    case.model.register_module("spare", nn.Identity())
    spare = nn.ModuleDict({"net": case.model, "spare": nn.Linear(2, 2)})

    class Half(Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = spare

        def forward(self, x: Any) -> Any:
            return self.parts["net"](x)

    found = measured(case._replace(model=Half()))
    first = found.layers[0]
    assert (first.status, first.grad_w, bool(first.grad_a)) == ("frozen", None, True)
    assert first.grad_b is not None
    assert found.run.unused == ("parts.spare",)
    assert "Frozen: layer 1" in str(found)
    assert "Not called: parts.spare" in str(found)
    assert not case.model[0].weight.requires_grad


def test_what_runs_without_gradients_shows_none() -> None:
    class Blind(Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: Any) -> Any:
            with torch.no_grad():
                x = self.first(x)
            return self.second(x)

    found = profile(Blind(), torch.randn(3, 4), square)
    assert found.layers[0].grad_a is None
    assert found.layers[0].status == "unreached"
    assert found.ends == (2, 2)
    assert "The signal is seen in layer 2 alone" in found.story.text
    assert "The loss does not depend on W of layer 1" in str(found)


def test_a_call_without_gradients_adds_none_to_those_with_them() -> None:
    class Recycled(Module):
        def __init__(self, *, blind: bool) -> None:
            super().__init__()
            torch.manual_seed(1)
            self.net, self.blind = nn.Linear(4, 4), blind

        def forward(self, x: Any) -> Any:
            if self.blind:
                with torch.no_grad():
                    before = self.net(x)
            else:
                before = self.net(x).detach()
            return self.net(x + before)

    x = torch.randn(3, 4)
    blind, detached = (profile(Recycled(blind=blind), x, square) for blind in (True, False))
    assert blind.layers[0].grad_a == detached.layers[0].grad_a
    assert blind.layers[0].grad_w == detached.layers[0].grad_w
    assert blind.layers[0].by_call[0]["grad_a"] is None
    assert blind.layers[0].by_call[1] == detached.layers[0].by_call[1]


@pytest.mark.parametrize("frozen", [0, 4, 6])
def test_an_input_that_asks_for_its_own_gradient_changes_nothing(frozen: int) -> None:
    parts = [part for _ in range(3) for part in (nn.Linear(5, 5), nn.Sigmoid())]
    model = nn.Sequential(*parts)
    for part in model[:frozen]:
        part.requires_grad_(requires_grad=False)
    x = torch.randn(3, 5)
    if frozen == 6:
        model = nn.Sequential(nn.Identity(), model)  # nobody watches what takes it first
    rows = profile(model, x, square).rows()
    assert profile(model, x.clone().requires_grad_(), square).rows() == rows
    assert all(row["log10_grad_a"] for row in rows)


def test_what_a_layer_writes_into_its_input_others_read() -> None:
    class Writing(Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 4))

        def forward(self, x: Any) -> Any:
            return x.mul_(0.5) @ self.weight

    class Skipped(Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = Writing()

        def forward(self, x: Any) -> Any:
            return self.first(x) + x

    model, x = Skipped(), torch.randn(3, 4)
    found = profile(model, x, square, dtype=None)
    assert found.run.value == float(square(model(x)).detach())


def test_ones_own_function_is_not_taken_for_the_one_of_its_name() -> None:
    class Sigmoid(Function):
        @staticmethod
        def forward(ctx: Any, a: Any) -> Any:
            ctx.save_for_backward(a)
            return (a > 0.0).to(a.dtype)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (a,) = ctx.saved_tensors
            return 6.25 * g * (1.0 - a.sigmoid()) * a.sigmoid()

    class Spiking(Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: Any) -> Any:
            return self.second(Sigmoid.apply(self.first(x)))

    found = profile(Spiking(), torch.randn(3, 4), square)
    assert (found.layers[0].act, found.layers[0].slopes) == ("", None)
    assert found.layers[0].grad_a


def test_of_parametrized_weights_scales_are_no_matrices_and_matrices_are() -> None:
    class Added(Module):
        def __init__(self) -> None:
            super().__init__()
            self.down, self.up = (nn.Parameter(torch.randn(*n)) for n in ((2, 6), (9, 2)))

        def forward(self, weight: Any) -> Any:
            return weight + self.up @ self.down

    parametrize = torch.nn.utils.parametrize
    model = nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 3))
    parametrize.register_parametrization(model[0], "weight", Added())
    torch.nn.utils.parametrizations.weight_norm(model[2])
    found = profile(model, torch.randn(4, 6), square)
    assert {(each.parameter, each.n_in, each.n_out) for each in found.layers} == {
        ("0.parametrizations.weight.original", 6, 9),
        ("0.parametrizations.weight.0.down", 6, 2),
        ("0.parametrizations.weight.0.up", 2, 9),
        ("2.parametrizations.weight.original1", 9, 3),
    }
    assert found.run.outside == ()
    assert all(each.grad_w for each in found.layers)


@pytest.mark.slow
@pytest.mark.parametrize("reentrant", [False, True])
def test_what_is_computed_again_on_the_way_back_is_counted_once(reentrant: bool) -> None:
    class Checked(Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: Any) -> Any:
            return self.second(
                torch.utils.checkpoint.checkpoint(self.first, x, use_reentrant=reentrant).tanh()
            )

    torch.manual_seed(11)
    case = Case(Checked(), (torch.randn(3, 4).requires_grad_(),), square)
    if reentrant:
        with pytest.raises(VanishError, match="a reentrant checkpoint hides its layers: use_re"):
            measured(case)
        return
    plain, found = judged(case), measured(case)
    assert [each.calls for each in found.layers] == [1, 1]
    assert close(found.layers[0].grad_w, plain.parameters["first.weight"])
    assert close(found.layers[0].grad_a, plain.outputs["first"])


def test_gradients_that_a_loss_takes_by_itself_are_not_counted() -> None:
    def penalty(output: Any) -> Any:
        (inner,) = torch.autograd.grad(output.sum(), output, create_graph=True)
        return output.square().mean() + 0.0 * inner.sum()

    case = mlp()._replace(target=None, loss=square)
    one, other = measured(case), measured(case._replace(loss=penalty))
    signals = [[float(each.grad_a or 0.0) for each in found.layers] for found in (one, other)]
    assert signals[0] == pytest.approx(signals[1], rel=1e-14)


def test_sparse_and_parametrized_weights_are_measured() -> None:
    torch.manual_seed(12)
    model = nn.Sequential(
        nn.Embedding(5, 4, sparse=True),
        nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)),
    )
    found = profile(model, torch.arange(5), square)
    assert [each.parameter for each in found.layers] == [
        "0.weight",
        "1.parametrizations.weight.original1",
    ]
    twin = copy.deepcopy(model).double()
    square(twin(torch.arange(5))).backward()
    assert close(found.layers[0].grad_w, float(twin[0].weight.grad.to_dense().norm()))
    original = twin[1].parametrizations.weight.original1
    assert close(found.layers[1].grad_w, float(original.grad.norm()))
    assert [each.name for each in found.layers] == ["0", "1"]


def test_convolutions_that_are_turned_round_and_packed_sequences() -> None:
    torch.manual_seed(13)
    turned = nn.Sequential(nn.Conv1d(2, 3, 2), nn.ReLU(), nn.ConvTranspose1d(3, 4, 2))
    found = profile(turned, torch.randn(2, 6), square)
    first, last = found.layers
    assert (first.n_in, first.n_out, first.units, last.n_in, last.n_out) == (4, 3, 3, 3, 8)

    class Packed(Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(2, 3)

        def forward(self, sequence: Any) -> Any:
            return self.gru(sequence)[1]

    rows = nn.utils.rnn.pack_sequence([torch.randn(4, 2), torch.randn(2, 2)])
    assert profile(Packed(), rows, square).layers[0].grad_input is not None


def test_a_module_of_several_matrices_has_what_enters_and_leaves_it() -> None:
    class Stepping(Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.head = nn.GRUCell(3, 4), nn.Linear(4, 1)

        def forward(self, x: Any) -> Any:
            state = x.new_zeros(len(x), 4)
            for _ in range(3):
                state = self.cell(x, state)
            return self.head(state)

    torch.manual_seed(17)
    case = Case(Stepping(), (torch.randn(5, 3),), square)
    plain, found = judged(case), measured(case)
    assert [each.name for each in found.layers] == ["cell.weight_ih", "cell.weight_hh", "head"]
    assert close(found.layers[1].grad_w, plain.parameters["cell.weight_hh"])
    twin = copy.deepcopy(case.model).double()
    x, states = case.args[0].double(), [torch.zeros(5, 4, dtype=torch.float64)]
    for _ in range(3):
        states.append(twin.cell(x, states[-1]))
    wanted = torch.autograd.grad(square(twin.head(states[-1])), states[1:])
    norms = [float(each.norm()) for each in wanted]
    assert found.layers[0].grad_a is None
    cell = found.layers[1]
    assert close(cell.grad_a, math.hypot(*norms))
    assert [float(call["grad_a"] or 0.0) for call in cell.by_call] == pytest.approx(norms)
    assert not found.is_chain


def test_layers_are_selected_by_globs() -> None:
    torch.manual_seed(14)
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 3)
    x = torch.randn(2, 4, 8)
    found = profile(model, x, square, select="layers.*.linear1")
    assert [each.name for each in found.layers] == [f"layers.{k}.linear1" for k in range(3)]
    both = profile(model, x, square, select=["layers.0.*", "layers.*.norm1"])
    names = [each.name for each in both.layers]
    assert "layers.2.norm1" in names
    assert "layers.1.linear1" not in names
    assert both.rows()[names.index("layers.2.norm1")]["module"] == "LayerNorm"
    everywhere = profile(model, x, square)
    one, other = (layer(each, "layers.1.linear1").grad_w for each in (everywhere, found))
    assert float(one) == float(other)
    with pytest.raises(
        VanishError, match=r"select 'layer\..*': no layer has such a name: give one of layers\.0"
    ):
        profile(model, x, square, select="layer.*")


def test_a_frozen_encoder_in_evaluation_mode_is_seen_into() -> None:
    # Where nothing needs a gradient torch runs it in one step, without calling its modules.
    torch.manual_seed(16)
    body = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
    model = nn.Sequential(body.requires_grad_(requires_grad=False), nn.Linear(8, 1)).eval()
    found = profile(model, torch.randn(2, 4, 8), square)
    assert len(found.layers) == 9
    assert [each.status for each in found.layers] == ["frozen"] * 8 + ["ok"]
    assert layer(found, "0.layers.0.linear1").grad_a
    assert torch.backends.mha.get_fastpath_enabled()


# --- what stays as it was ---


class Failing(Function):
    """The identity, whose gradient is an error."""

    @staticmethod
    def forward(_: Any, x: Any) -> Any:
        return x.clone()

    @staticmethod
    def backward(_: Any, __: Any) -> Any:
        raise ValueError("no way back")


def state(model: Any) -> list[Any]:
    """Return all of a model and of the process that must not change."""
    generator: Any = np.random.get_state()  # noqa: NPY002 - the global one is meant
    return [
        {name: each.numpy().tobytes() for name, each in model.state_dict().items()},
        [(name, module.training) for name, module in model.named_modules()],
        [None if each.grad is None else each.grad.tolist() for each in model.parameters()],
        [each.requires_grad for each in model.parameters()],
        [
            [len(hooks) for name, hooks in vars(module).items() if name.endswith("_hooks")]
            for module in model.modules()
        ],
        [sorted(vars(module)) for module in model.modules()],
        torch.get_rng_state().tolist(),
        random.getstate(),
        (generator[0], generator[1].tolist(), *generator[2:]),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
    ]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("training", [True, False])
def test_nothing_is_touched(name: str, training: bool) -> None:
    case = CASES[name]()
    case.model.train(training)
    case.value(case.model(*case.args)).backward()
    args = [each.clone() for each in case.args]
    before = state(case.model)
    first = measured(case)
    assert state(case.model) == before
    assert all(torch.equal(one, other) for one, other in zip(args, case.args, strict=True))
    assert measured(case).rows() == first.rows()
    assert first.run.mode == ("training" if training else "evaluation")


def drawing(output: Any) -> Any:
    random.random()  # noqa: S311 - the global one is meant
    np.random.rand()  # noqa: NPY002 - the global one is meant
    torch.rand(1)
    return square(output)


def refusing(_: Any) -> Any:
    raise ValueError("no loss")


@pytest.mark.parametrize("where", ["forward", "loss", "back", "nowhere"])
def test_nothing_is_touched_by_an_error_either(where: str) -> None:
    case = cnn()
    case.model.train()
    case.model[8].register_forward_hook(lambda *_: drawing(torch.zeros(1)) and None)
    loss = {"loss": refusing, "back": lambda output: square(Failing.apply(output))}.get(
        where, drawing
    )
    x = torch.randn(7, 1, 3, 3) if where == "forward" else case.args[0]
    before = state(case.model)
    if where == "nowhere":
        profile(case.model, x, loss)
    else:
        with pytest.raises((RuntimeError, ValueError)):
            profile(case.model, x, loss)
    assert state(case.model) == before


def test_a_loss_that_sees_the_model_itself_leaves_its_gradients_alone() -> None:
    case = mlp()

    def decayed(output: Any) -> Any:
        return square(output) + sum(each.square().sum() for each in case.model.parameters())

    profile(case.model, case.args[0], decayed)
    assert all(each.grad is None for each in case.model.parameters())


def test_it_runs_where_gradients_are_off() -> None:
    case = mlp()
    expected = measured(case).rows()
    with torch.no_grad():
        assert measured(case).rows() == expected
    with torch.inference_mode():
        assert measured(case).rows() == expected


# --- errors ---


def lazy() -> Any:
    return nn.Sequential(nn.LazyLinear(3))


def overflowing(output: Any) -> Any:
    return (output * 1e200).square().mean() * 1e200


class Bare(Module):
    """A module with a matrix of its own, and a module in it."""

    def __init__(self) -> None:
        super().__init__()
        self.W, self.act = nn.Parameter(torch.ones(4, 4)), nn.Tanh()

    def forward(self, x: Any) -> Any:
        return self.act(x @ self.W)


class Apart(Module):
    """Two layers, and one that is called last and gives something else."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.aside = (nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: Any) -> Any:
        h = self.second(torch.tanh(self.first(x)))
        return h, self.aside(h)


def test_a_layer_off_the_way_to_the_loss_is_no_end() -> None:
    found = profile(Apart(), torch.ones(2, 4), lambda output: square(output[0]))
    aside = found.layers[2]
    assert (aside.status, aside.grad_w, aside.grad_b, aside.grad_a) == ("unreached", *(None,) * 3)
    assert found.ends == (1, 2)
    assert found.verdict.value == "stable"
    assert found.to_dict()["runs"][0]["parameters"]["aside.weight"] == {"log10_grad": None}


def test_matrices_of_modules_with_modules_in_them_are_named() -> None:
    model = nn.Sequential(Bare(), nn.Linear(4, 4))
    found = profile(model, torch.ones(2, 4), square)
    assert [each.name for each in found.layers] == ["1"]
    assert found.run.outside == ("0.W",)
    assert "Not measured, since they have no module of their own: 0.W" in str(found)
    assert profile(model, torch.ones(2, 4), square, select="1").run.outside == ()


class Listed(Module):
    """A network whose matrices lie in a list of parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.ws = nn.ParameterList([torch.eye(4) / 2.0 for _ in range(3)])
        self.head = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        for w in self.ws:
            x = torch.sigmoid(x @ w)
        return self.head(x)


def test_matrices_of_a_list_have_no_module_that_is_called() -> None:
    found = profile(Listed(), torch.ones(2, 4), square)
    assert [each.name for each in found.layers] == ["head"]
    assert found.run.outside == ("ws.0", "ws.1", "ws.2")
    assert "Not called" not in str(found)
    only = Listed()
    only.head = nn.Identity()
    with pytest.raises(UsageError, match=r"ws\.0 has none of its own: give it one$"):
        profile(only, torch.ones(2, 4), square)


def test_one_layer_that_is_called_often_is_not_alone() -> None:
    shared = nn.Linear(4, 4)
    model = nn.Sequential(*(each for _ in range(9) for each in (shared, nn.Sigmoid())))
    told = str(profile(model, torch.ones(2, 4), square))
    assert "With one layer" not in told
    assert "there is nothing to compare" in " ".join(told.split())


def test_a_softplus_with_another_threshold_is_none() -> None:
    for softplus, name in ((nn.Softplus(), "softplus"), (nn.Softplus(1.0, 1.0), "")):
        model = nn.Sequential(nn.Linear(4, 4), softplus, nn.Linear(4, 1))
        assert layer(profile(model, torch.ones(2, 4), square), "0").act == name


@pytest.mark.parametrize("norm", [nn.LayerNorm, nn.RMSNorm])
def test_a_norm_over_several_axes_has_no_matrix(norm: Any) -> None:
    model = nn.Sequential(nn.Conv2d(2, 3, 1), norm([3, 4]), nn.Flatten(), nn.Linear(36, 2))
    x = torch.randn(2, 2, 3, 4, generator=torch.Generator().manual_seed(0))
    assert [each.name for each in profile(model, x, square).layers] == ["0", "3"]
    assert [each.name for each in profile(model, x, square, select="1").layers] == ["1"]


@pytest.mark.filterwarnings("ignore:.*spectral_norm.*:FutureWarning")
def test_the_bias_beside_an_older_spectral_norm_is_found() -> None:
    torch.manual_seed(0)
    model, x = nn.utils.spectral_norm(nn.Linear(4, 4)), torch.randn(2, 4)
    case = Case(model, (x,), square)
    assert close(measured(case).layers[0].grad_b, judged(case).parameters["bias"])


CAUSAL = nn.Transformer.generate_square_subsequent_mask(5)
MASKS = {
    "numbers": {"attn_mask": CAUSAL},
    "zeros": {"attn_mask": torch.zeros(5, 5)},
    "truths": {"attn_mask": CAUSAL < 0.0},
    "padding": {"key_padding_mask": torch.tensor([[False] * 4 + [True]] * 2)},
}


@pytest.mark.parametrize("kind", MASKS)
def test_masks_of_attention_are_no_input(kind: str) -> None:
    class Masked(Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: Any) -> Any:
            masks = {name: mask.to(x) if mask.is_floating_point() else mask for name, mask in given}
            return self.attention(x, x, value=x, **masks)[0]

    given = MASKS[kind].items()
    torch.manual_seed(1)
    model, x = Masked(), torch.randn(2, 5, 8)
    found = profile(model, x, square).layers[0]
    entered = x.double().requires_grad_()
    (wanted,) = torch.autograd.grad(square(copy.deepcopy(model).double()(entered)), [entered])
    assert close(found.grad_input, float(wanted.norm()))
    assert close(found.sizes["input"].rms, float(x.double().square().mean().sqrt()))


@pytest.mark.parametrize("training", [True, False])
def test_an_encoder_with_a_causal_mask_is_measured(training: bool) -> None:
    torch.manual_seed(1)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).train(training)
    case = Case(model, (torch.randn(2, 5, 8), CAUSAL), square)
    wanted = judged(case).parameters
    found = measured(case)
    assert len(found.layers) == 8
    for each in found.layers:
        assert close(each.grad_w, wanted[each.parameter])


def test_what_takes_a_layer_is_looked_for_on_every_path() -> None:
    class Both(Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.conv, self.head = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(32, 1)

        def forward(self, x: Any) -> Any:
            x = self.stem(x)
            a = self.conv(x)
            signs = torch.cat((torch.relu(-a), torch.relu(a)), -1)
            return self.head(signs + torch.cat((x, x), -1))

    torch.manual_seed(2)
    found = profile(Both(), torch.randn(4, 8), square)
    assert found.layers[1].act == ""


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "depth"), [(None, 55), (torch.float64, 700)])
def test_no_loss_scale_is_told_where_the_run_itself_lost_gradients(dtype: Any, depth: int) -> None:
    torch.manual_seed(0)
    parts = [part for _ in range(depth) for part in (nn.Linear(8, 8), nn.Sigmoid())]
    found = profile(nn.Sequential(*parts), torch.randn(2, 8), square, dtype=dtype)
    assert found.verdict.value == "dead"
    assert [loss.loss_scale for loss in found.losses] == [None] * len(found.losses)
    assert found.losses[-1].format == found.run.number_type
    dead = max(each.layer for each in found.layers if not each.grad_a)
    assert all(loss.lost[0][0] == 1 and loss.lost[0][1] >= dead for loss in found.losses)
    assert "no loss scale" not in " ".join(str(found).split())


def test_true_zeros_are_not_lost() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    with torch.no_grad():
        model[0].bias -= 100.0
    found = profile(model, torch.randn(2, 4), square)
    assert not found.layers[0].grad_a
    assert all(not loss.lost for loss in found.losses)
    assert len(found.losses) == 4
    # Gradients of some 1e-3 beside them say nothing of float16's end, which is 6e-8.
    torch.manual_seed(0)
    sizes = (4, 16, 16, 4)
    parts = [part for pair in pairwise(sizes) for part in (nn.Linear(*pair), nn.ReLU())][:-1]
    half = nn.Sequential(*parts).half()
    with torch.no_grad():
        half[2].bias.fill_(-100.0)
    found = profile(half, torch.randn(5, 4).half(), square, dtype=None)
    assert not found.layers[0].grad_a
    assert all(not loss.lost for loss in found.losses)


# As a caller without a type checker has it.
UNTYPED: Any = profile

ERRORS: list[tuple[Any, str]] = [
    (lambda: profile(3, torch.ones(2), square), "model of type int: give a torch.nn.Module"),
    (
        lambda: profile(lazy(), torch.ones(2), square),
        "0.weight has no shape yet: run the model on a batch first",
    ),
    (
        lambda: profile(nn.Linear(2, 2, device="meta"), torch.ones(2), square),
        "weight is on the meta device: load its values first",
    ),
    (
        lambda: profile(torch.compile(nn.Linear(2, 2)), torch.ones(2), square),
        "a compiled module: give the module itself, model._orig_mod",
    ),
    (
        lambda: profile(nn.Linear(2, 2, dtype=torch.complex64), torch.ones(2), square),
        "weight is complex: only real networks are measured",
    ),
    (
        lambda: profile(nn.ReLU(), torch.ones(2), square),
        "ReLU: no module without modules in it has a weight of two dimensions or more",
    ),
    (
        lambda: profile(nn.Linear(2, 2), torch.ones(2), lambda output: output),
        "the loss has the shape (2,): return one number, such as its mean",
    ),
    (
        lambda: profile(nn.Linear(2, 2), torch.ones(2), lambda _: 3.0),
        "the loss is of type float: return a tensor",
    ),
    (
        lambda: profile(nn.Linear(2, 2), torch.ones(2), lambda _: torch.ones(())),
        "the loss has no gradient: it does not depend on what the model computes",
    ),
    (
        lambda: profile(nn.Linear(2, 2), torch.ones(2), lambda x: square(x) * math.inf),
        "the loss is inf: nothing can be measured",
    ),
    (
        lambda: UNTYPED(nn.Linear(2, 2), torch.ones(2), 3),
        "loss of type int: give a function of the output",
    ),
    (
        lambda: profile(nn.Linear(2, 2), torch.ones(2), square, dtype=torch.float8_e5m2),
        "dtype torch.float8_e5m2: give torch.float64",
    ),
    (
        lambda: UNTYPED(nn.Linear(2, 2), torch.ones(2), square, select=[3]),
        "select [3]: give a glob, or a list of globs",
    ),
    (
        lambda: UNTYPED(nn.Linear(2, 2), torch.ones(2), square, vanish_below="a"),
        "vanish_below 'a': give a number",
    ),
    (
        lambda: profile(nn.Sequential(Bare(), Bare()), torch.ones(2, 4), square),
        "Sequential: no module without modules in it has a weight of two dimensions or more:"
        " 0.W has none of its own: give it one",
    ),
    (
        lambda: profile(
            Apart(), torch.ones(2, 4), lambda output: square(output[0]), select="aside"
        ),
        "the loss depends on nothing that the selected layers are seen to give: select others",
    ),
    (
        lambda: profile(nn.Linear(2, 2), torch.ones(2), square, dtype=torch.int64),
        "dtype torch.int64: give torch.float64, torch.float32, torch.bfloat16, torch.float16 or",
    ),
    (
        lambda: profile(nn.Linear(2, 2), torch.tensor([math.nan, 1.0]), square),
        "Linear: what enters it is not finite in float64: nothing can be measured",
    ),
    (
        lambda: profile(nn.Linear(2, 2), torch.ones(2), square, vanish_below=2.0, explode_above=1),
        "vanish_below 2 and explode_above 1: give 0 < vanish_below ≤ explode_above < inf",
    ),
]


@pytest.mark.slow  # one of them imports torch's compiler
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize(("call", "message"), ERRORS, ids=[message for _, message in ERRORS])
def test_an_error_is_one_line(call: Any, message: str) -> None:
    with pytest.raises(VanishError) as caught:
        call()
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_scripted_module_and_one_that_cannot_be_copied_are_refused() -> None:
    with pytest.warns(DeprecationWarning, match="script"):
        scripted = torch.jit.script(nn.Linear(2, 2))
    with pytest.raises(VanishError, match="a scripted module: give the one that it was made of"):
        profile(scripted, torch.ones(2), square)
    stuck = nn.Linear(2, 2)
    stuck.kept = stuck.weight * 2.0
    with pytest.raises(VanishError, match="Linear cannot be copied: "):
        profile(stuck, torch.ones(2), square)


def test_an_error_of_the_model_says_what_ran() -> None:
    with pytest.raises(RuntimeError) as caught:
        profile(nn.Linear(2, 2), torch.ones(3), square)
    assert caught.value.__notes__ == [
        "vanish.torch.profile runs a copy in float64; dtype=None runs it as it is"
    ]


@pytest.mark.parametrize("module", [vanish.torch.measuring, vanish.render.folding])
def test_the_examples_of_the_docstrings_hold(module: Any) -> None:
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)


# --- how it is shown ---


def test_repeated_layers_are_one_row_of_the_table() -> None:
    torch.manual_seed(15)
    model = nn.Sequential(
        nn.Linear(8, 8),
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 4),
    )
    found = profile(model, torch.randn(2, 4, 8), square)
    lines = str(found).splitlines()
    assert lines[0].startswith("Sequential · 17 layers · ")
    assert any("1.layers.{0-3}.linear1" in line and "4, …, 16" in line for line in lines)
    assert sum("linear1" in line for line in lines) == 1
    assert found.table(fold=False).count("linear1") == 4
    assert len(found.rows()) == 17
    assert found._repr_html_().startswith("<pre>Sequential · 17 layers")
    assert repr(found).startswith("<Profile: Sequential, 17 layers, ")


def test_it_is_handed_on_with_the_columns_of_vanish_and_more() -> None:
    found = measured(mlp(depth=3))
    whole = found.to_dict()
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole
    (run,) = whole["runs"]
    assert run["verdict"] == found.verdict.value
    assert run["parameters"].keys() == {
        f"{k}.{part}" for k in (0, 2, 4) for part in ("weight", "bias")
    }
    assert [*run["layers"][0]][: len(LAYERS.names)] == [*LAYERS.names]
    frame = found.to_pandas()
    assert frame["name"].tolist() == ["0", "2", "4"]
    assert frame["log10_grad_w"].tolist() == [each["log10_grad_w"] for each in run["layers"]]
    assert all(run["layers"][0][name] is None for name in EMPTY)


def test_names_of_any_characters_are_escaped() -> None:
    model = nn.Sequential()
    model.add_module("\x1b[31m", nn.Linear(2, 2))
    found = profile(model, torch.ones(2), square)
    assert "\x1b" not in str(found) + found.story.text + repr(found.rows())
    assert found.layers[0].name == "\\x1b[31m"


@pytest.mark.slow
def test_vanish_itself_does_not_import_torch_and_says_so_where_it_is_missing() -> None:
    lines = (
        "import sys, vanish, vanish.api; assert 'torch' not in sys.modules; vanish.torch.profile",
        "import sys; sys.modules['torch'] = None\nimport vanish.torch",
    )
    done = [
        subprocess.run(
            [sys.executable, "-c", line],
            env=environment(),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        for line in lines
    ]
    assert (done[0].returncode, done[0].stderr) == (0, "")
    assert done[1].stderr.splitlines()[-1] == (
        "ModuleNotFoundError: vanish.torch: PyTorch is not installed: pip install torch"
    )
