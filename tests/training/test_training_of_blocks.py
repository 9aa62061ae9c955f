"""Training networks of blocks: against PyTorch's own, and what a last layer and a first one are."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import oracles
import pytest
from command import run_in_process
from training_runs import BLOBS, SMALL, blobs, first_batch, started

import vanish
from vanish import Data, TrainingSettings, train
from vanish.errors import MemoryLimitError, VanishError
from vanish.network.blocks import formula
from vanish.network.formulas.named import NAMED
from vanish.network.graph import LAYER, Variable
from vanish.network.streams import Streams
from vanish.readings.inplace import IN_PLACE, Cell, Passes
from vanish.render.train import view
from vanish.training import data as datasets
from vanish.training import run as training
from vanish.training.run import Run, train_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Plant

    from vanish.network.graph import Op

    # What a layer makes of its input, its parameters by letters and S; N is how many layers.
    Formula = Callable[[Any, dict[str, Any], Callable[[Any], Any], int], Any]

NAMED_WITHOUT_STEPS = [
    name for name in NAMED.names() if not formula(NAMED.get(name).text).uses_step
]
TIED = ("S(W~x+b~)", "x + V~ S(Wx+b~)")
OTHERS = ("V S(Wx+b)", "x + S(W S(Wx)) + b", "x + 0.5 S(x)", "S(LN(Wx+b)) + RMS(V~x)", *TIED)


# --- the formulas once more, for PyTorch ---


def layer_norm(x: Any) -> Any:
    return oracles.pytorch().nn.functional.layer_norm(x, x.shape[-1:], eps=0.0)


def batch_norm(x: Any) -> Any:
    batch_norm = oracles.pytorch().nn.functional.batch_norm
    return batch_norm(x, None, None, training=True, eps=1e-300)


def rms_norm(x: Any) -> Any:
    return x / (x * x).mean(dim=-1, keepdim=True).sqrt()


def affine(x: Any, p: dict[str, Any], matrix: str = "W", bias: str = "b") -> Any:
    return x @ p[matrix].T + (p[bias] if bias else 0.0)


def postnorm(x: Any, p: dict[str, Any], s: Callable[[Any], Any], _: int) -> Any:
    return layer_norm(x + s(affine(x, p)) @ p["V"].T + p["c"])


FORMULAS: dict[str, Formula] = {
    "plain": lambda x, p, s, _: s(affine(x, p)),
    "residual": lambda x, p, s, _: x + s(affine(x, p)),
    "residual_scaled": lambda x, p, s, n: x + s(affine(x, p)) / math.sqrt(n),
    "bottleneck": lambda x, p, s, _: x + s(affine(x, p)) @ p["V"].T,
    "prenorm": lambda x, p, s, _: x + s(affine(layer_norm(x), p)) @ p["V"].T,
    "prenorm_rms": lambda x, p, s, _: x + s(affine(rms_norm(x), p)) @ p["V"].T,
    "postnorm": postnorm,
    "layernorm": lambda x, p, s, _: s(layer_norm(affine(x, p))),
    "layernorm_after": lambda x, p, s, _: layer_norm(s(affine(x, p))),
    "rmsnorm": lambda x, p, s, _: s(rms_norm(affine(x, p))),
    "rmsnorm_after": lambda x, p, s, _: rms_norm(s(affine(x, p))),
    "batchnorm": lambda x, p, s, _: s(batch_norm(affine(x, p))),
    "V S(Wx+b)": lambda x, p, s, _: s(affine(x, p)) @ p["V"].T,
    "x + S(W S(Wx)) + b": lambda x, p, s, _: x + s(s(x @ p["W"].T) @ p["W"].T) + p["b"],
    "x + 0.5 S(x)": lambda x, _, s, __: x + 0.5 * s(x),
    "S(LN(Wx+b)) + RMS(V~x)": lambda x, p, s, _: (
        s(layer_norm(affine(x, p))) + rms_norm(x @ p["V"].T)
    ),
    "S(W~x+b~)": lambda x, p, s, _: s(affine(x, p)),
    "x + V~ S(Wx+b~)": lambda x, p, s, _: x + s(affine(x, p)) @ p["V"].T,
}
CASES = [*NAMED_WITHOUT_STEPS, *OTHERS]

# Of these a hidden layer that gives more values than it takes is S(Wx+b).
LIFTED = {
    *("residual", "residual_scaled", "bottleneck", "prenorm", "prenorm_rms", "postnorm"),
    *("x + S(W S(Wx)) + b", "x + 0.5 S(x)", "S(LN(Wx+b)) + RMS(V~x)", *TIED),
}


def leaves_of(run: Run) -> dict[Variable, Any]:
    """Return the parameters for PyTorch to differentiate by."""
    torch = oracles.pytorch()
    return {
        address: torch.tensor(view.copy(), requires_grad=True)
        for address, view in run.parameters.by_address.items()
    }


def torch_outputs(
    run: Run, block: str, leaves: dict[Variable, Any], x: np.ndarray, act: str
) -> list[Any]:
    """Return f_1, …, f_N as PyTorch has them."""
    torch, hidden = oracles.pytorch(), run.settings.layers
    activation, f, outputs = oracles.torch_activation(act), torch.tensor(x), []
    for k in range(1, hidden + 2):
        # A letter's own parameter, or the one that all layers share.
        letters = {letter for letter, layer in leaves if layer in (0, k)}
        parameters = {
            letter: leaves.get(Variable(letter, k), leaves.get(Variable(letter, 0)))
            for letter in letters
        }
        if k > hidden:
            f = affine(f, parameters)
        elif k == 1 and block in LIFTED and x.shape[1] != run.settings.width:
            f = activation(affine(f, parameters))
        else:
            f = FORMULAS[block](f, parameters, activation, hidden)
        outputs.append(f)
    return outputs


def torch_loss(
    run: Run,
    block: str,
    leaves: dict[Variable, Any],
    batch: tuple[np.ndarray, np.ndarray],
    act: str,
) -> Any:
    torch = oracles.pytorch()
    logits = torch_outputs(run, block, leaves, batch[0], act)[-1]
    return torch.nn.CrossEntropyLoss()(logits, torch.tensor(batch[1]))


def test_every_named_block_without_steps_is_judged() -> None:
    assert {*NAMED_WITHOUT_STEPS} <= {*FORMULAS}
    assert {*NAMED.names()} - {*NAMED_WITHOUT_STEPS} == {"rnn", "rnn_untied"}


def gradients_agree(run: Run, block: str, act: str, tolerance: float) -> bool:
    batch, leaves = first_batch(run), leaves_of(run)
    run.differentiate(*batch)
    loss = torch_loss(run, block, leaves, batch, act)
    expected = oracles.pytorch().autograd.grad(loss, [*leaves.values()])
    found = run.gradients.by_address
    for address, right in zip(leaves, expected, strict=True):
        # Both are nothing but rounding.
        if is_taken_away(block, address):
            assert np.abs(found[address]).max() < 1e-15
        elif np.abs(found[address] - right.numpy()).max() > tolerance * right.abs().max().item():
            return False
    return True


@pytest.mark.parametrize(
    "act", ["sigmoid", *(pytest.param(each, marks=pytest.mark.slow) for each in ("relu", "gelu"))]
)
@pytest.mark.parametrize("block", CASES)
def test_pytorchs_autograd_on_one_step(block: str, act: str) -> None:
    # Of another seed, layernorm_after with relu keeps one unit a row: 1 less its mean over its
    # deviation, whatever it is, so that all gradients before it are 0 but for rounding.
    run = started(block=block, act=act, seed=1)
    assert gradients_agree(run, block, act, 1e-10)
    assert (run.settings.chain.model.graph.block(1) == LAYER) == (
        block in LIFTED or block == "plain"
    )


@pytest.mark.parametrize("block", ["bottleneck", "prenorm", "V S(Wx+b)", "x + V~ S(Wx+b~)"])
def test_pytorchs_autograd_with_another_size_inside(block: str) -> None:
    run = started(block=block, act="tanh", hidden="2x")
    assert run.parameters.by_address[Variable("W", 2)].shape == (10, 5)
    assert gradients_agree(run, block, "tanh", 1e-10)


@pytest.mark.parametrize("block", CASES)
def test_sizes_that_are_all_the_same_change_only_the_last_layer(block: str) -> None:
    run = started(block=block, act="tanh", data=blobs(classes=5, features=5))
    graph = run.settings.chain.model.graph
    assert graph.block(1) == graph.block(3) == formula(block).block(3)
    assert graph.block(4) == LAYER
    assert gradients_agree(run, block, "tanh", 1e-10)


def test_a_rule_that_forgets_the_skip_is_found(plant: Plant) -> None:
    def half(_: Passes, __: Op, ___: int, ____: Any, g: Cell) -> tuple[Cell, Cell]:
        nothing = g.with_rows(np.zeros_like(g.rows))
        return nothing, g.lent()

    plant(IN_PLACE, "add", back=half)
    assert not gradients_agree(started(block="residual"), "residual", "sigmoid", 1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("block", CASES)
def test_pytorch_steps_to_the_same_place(block: str, optimizer: str) -> None:
    torch = oracles.pytorch()
    run = started(block=block, act="tanh", optimizer=optimizer, lr=0.01)
    leaves = leaves_of(run)
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    step = kinds[optimizer](leaves.values(), lr=0.01)
    orders = Run(run.settings, run.split).orders
    # 48 examples in batches of 7, the last one of 6.
    for _ in range(2):
        order = orders.permutation(48)
        run.epoch()
        for first in range(0, 48, 7):
            x, y = (part[order[first : first + 7]] for part in run.split.train)
            step.zero_grad()
            torch_loss(run, block, leaves, (x, y), "tanh").backward()
            step.step()
    for address, right in leaves.items():
        expected = right.detach().numpy()
        found = run.parameters.by_address[address]
        # Of rounding Adam makes steps, too.
        if not is_taken_away(block, address):
            assert np.abs(found - expected).max() <= 1e-8 * np.abs(expected).max(), address


def is_taken_away(block: str, address: Variable) -> bool:
    """Tell whether a bias is added right before a norm subtracts the mean over the batch."""
    return block == "batchnorm" and address.letter == "b" and address.layer <= SMALL["layers"]


# --- what is measured ---


@pytest.mark.parametrize("block", ["residual", "prenorm", "layernorm", *TIED])
def test_a_state_is_what_pytorch_has_of_every_layer(block: str) -> None:
    torch = oracles.pytorch()
    run = started(block=block, act="tanh", lr=0.1, hidden="2x" if block == "prenorm" else None)
    before = {address: view.copy() for address, view in run.parameters.by_address.items()}
    run.epoch()
    state = run.state()
    assert state is not None
    part = run.split.train
    depth, shared = run.settings.layers + 1, {a.letter for a in before if not a.layer}
    # What all layers share is another one in each, so that PyTorch has its parts.
    leaves = leaves_of(run)
    parts = {address: leaf for address, leaf in leaves.items() if address.layer}
    for letter in shared:
        for k in range(2, depth):
            own = leaves[Variable(letter, 0)].detach().clone().requires_grad_()
            parts[Variable(letter, k)] = own
    outputs = torch_outputs(run, block, parts, part.x, "tanh")
    for each in outputs:
        each.retain_grad()
    loss = torch.nn.CrossEntropyLoss()(outputs[-1], torch.tensor(part.y))
    loss.backward()
    assert state.loss == pytest.approx(loss.item(), rel=1e-12)
    for k in range(1, depth + 1):
        squares = sum(
            leaf.grad.pow(2).sum().item()
            for (letter, layer), leaf in parts.items()
            if layer == k and letter.isupper()
        )
        assert 10 ** state.log10_grad_w[k - 1] == pytest.approx(math.sqrt(squares), rel=1e-9)
        signal = outputs[k - 1].grad.norm().item()
        assert 10 ** state.log10_grad_f[k - 1] == pytest.approx(signal, rel=1e-9)
        own = [a for a in parts if a.layer == k and a.letter.isupper()]
        at = [a if a in before else Variable(a.letter, 0) for a in own]
        now = run.parameters.by_address
        moved = sum(np.sum((now[a] - before[a]) ** 2) for a in at)
        size = sum(np.sum(before[a] ** 2) for a in at)
        assert state.change[k - 1] == pytest.approx(math.sqrt(moved / size), rel=1e-9)
    ratio = outputs[0].grad.norm() / outputs[-1].grad.norm()
    assert 10**state.log10_ratio == pytest.approx(ratio.item(), rel=1e-9)


def test_a_plain_chain_and_a_block_are_compared_by_different_signals() -> None:
    plain, block = (train(**SMALL, epochs=1, block=each) for each in ("plain", "layernorm"))
    for found, name in ((plain, "log10_grad_a"), (block, "log10_grad_f")):
        logs = getattr(found.trials[0].start, name)
        assert found.row()["log10_ratio_start"] == logs[0] - logs[-1]


def test_the_spellings_of_the_plain_layer_are_one() -> None:
    expected = train(**SMALL, epochs=2, act="tanh").row()
    for each in ("S(W x + b)", "plain", " S( Wx+b )"):
        assert train(**SMALL, epochs=2, act="tanh", block=each).row() == expected


def test_a_layer_without_matrices_has_no_change() -> None:
    found = train(**SMALL, epochs=1, block="x + 0.5 S(x)", history=range(2))
    changes = [row["change"] for row in found.layer_rows() if row["epoch"] == 1]
    assert [each is None for each in changes] == [False, True, True, False]
    logs = [row["log10_grad_w"] for row in found.layer_rows() if row["epoch"] == 1]
    assert [each is None for each in logs] == [False, True, True, False]


def test_a_norm_over_the_batch_is_examined_on_a_whole_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch = oracles.pytorch()
    monkeypatch.setattr(training, "MEASURED_ROWS", 20)
    run = started(block="batchnorm", act="tanh", lr=0.1)
    run.epoch()
    state, leaves = run.state(), leaves_of(run)
    assert state is not None
    accuracies = []
    for part in run.split:
        logits = torch_outputs(run, "batchnorm", leaves, part.x, "tanh")[-1]
        accuracies.append((logits.argmax(dim=1).numpy() == part.y).mean())
    assert [state.train_accuracy, state.test_accuracy] == accuracies
    loss = torch_loss(run, "batchnorm", leaves, (run.split.train.x, run.split.train.y), "tanh")
    assert state.loss == pytest.approx(loss.item(), rel=1e-12)
    # The gradient is that of 20 of them, as that of any other block.
    few = run.split.train.x[:20], run.split.train.y[:20]
    weight = leaves[Variable("W", 1)]
    (expected,) = torch.autograd.grad(torch_loss(run, "batchnorm", leaves, few, "tanh"), [weight])
    assert 10 ** state.log10_grad_w[0] == pytest.approx(expected.norm().item(), rel=1e-9)


def test_dead_units_of_a_block_are_counted_in_it() -> None:
    options: dict[str, Any] = {"act": "relu", "layers": 2, "width": 6, "lr": 1.5, "epochs": 20}
    found = train(data=BLOBS, **options, block="bottleneck", hidden=20)
    end = found.median.end
    assert end is not None
    # Layer 1, which takes 4 values and gives 6, is S(Wx+b).
    assert [found.settings.units(k) for k in (1, 2, 3)] == [6, 20, 3]
    counts = end.dead * [6, 20, 3]
    assert counts == pytest.approx(counts.round())
    assert end.most_dead == 2
    assert counts[1] >= 10
    text = view([found]).findings[0].text
    assert f"In layer 2, {counts[1]:.0f} of 20 units are dead" in text


# --- settings ---


def test_hidden_layers_are_what_layers_counts() -> None:
    # In a coefficient, too: neither the layer that reads out nor a depth that is not there.
    block = TrainingSettings(**SMALL, block="residual_scaled").chain.model.graph.block(2)
    constants = [node.op.constant for node in block.nodes if node.op.constant]
    assert [each.value for each in constants] == [pytest.approx(1 / math.sqrt(3))]


def test_settings_say_which_block() -> None:
    used = TrainingSettings(**SMALL, block="bottleneck", hidden="4X").as_dict()
    assert (used["block"], used["hidden"]) == ("x + V S(Wx+b)", "4x")
    json.dumps(used | {"data": None})
    # A single layer that the block does not fit has no size inside.
    assert TrainingSettings(**SMALL | {"layers": 1}, block="bottleneck", hidden=3).lifts


BATCHES = "BN compares the rows of a batch: give another batch"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"block": "rnn"}, "block 'S(W~x + U~^u + b~)', character 11: an example has one input"),
        ({"block": "x + S(Wx+"}, "block "),
        ({"block": "residul"}, "unknown block 'residul': did you mean residual"),
        ({"block": 3}, "block 3: give "),
        ({"block": "batchnorm", "batch": 1}, "block 'S(BN(Wx+b))' of a batch of 1: BN compares"),
        ({"block": "layernorm", "width": 1}, "block "),
        ({"block": "prenorm", "width": 1}, "block "),
        ({"hidden": 3}, "hidden 3 beside block 'S(Wx+b)', which leaves no size open"),
        ({"block": "bottleneck", "hidden": 0}, "hidden 0: give at least 1"),
        ({"block": "bottleneck", "hidden": "x"}, "hidden 'x': give"),
    ],
)
def test_a_wrong_block_is_told_with_its_remedy(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(VanishError) as caught:
        TrainingSettings(**SMALL | options)
    assert str(caught.value).startswith(complaint)
    assert "\n" not in str(caught.value)


def test_a_norm_over_the_batch_gets_more_than_one_example() -> None:
    options = SMALL | {"block": "batchnorm", "epochs": 1}
    # 48 examples: the last batch of 47 would have one.
    with pytest.raises(VanishError, match=re.escape("48 examples in batches of 47, which has 1")):
        train(**options | {"batch": 47})
    for batch in (2, 46, 48, 49, 10**9):
        assert train(**options | {"batch": batch}).row()["loss"] is not None
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    alone = Data.of(x, y, x[:1] + 0.5, y[:1])
    with pytest.raises(VanishError, match="a test part of 1 example: BN"):
        train(**options | {"data": alone})
    assert train(**options | {"data": alone, "block": "layernorm"}).row()["loss"] is not None


def test_what_overflows_before_the_first_step_is_told() -> None:
    with pytest.raises(VanishError, match=r"grow past 1\.8e308.*: give fewer layers, or another"):
        train(**SMALL, block="1e200 x + S(Wx+b)", act="relu")


def test_a_block_that_does_not_fit_into_memory_is_refused() -> None:
    with pytest.raises(MemoryLimitError, match="hidden layers of width 5 "):
        train(**SMALL, block="bottleneck", hidden=10**12)


# --- several blocks ---


def test_several_blocks_are_trained_in_one_call() -> None:
    blocks = ["plain", "residual", "S(BN(Wx+b))"]
    options = SMALL | {"epochs": 2, "act": "tanh"}
    records = [TrainingSettings(**options, block=each) for each in blocks]
    together = train(records)
    assert [row["block"] for row in (each.row() for each in together)] == [
        *("S(Wx+b)", "x + S(Wx+b)", "S(BN(Wx+b))")
    ]
    for each, block in zip(together, blocks, strict=True):
        assert each.row() == train(**options, block=block).row()
    # Of a seed all get the same weights where they are of one shape.
    runs = [Run(record, record.source.split(Streams(0))) for record in records]
    firsts = [run.parameters.by_address[Variable("W", 2)] for run in runs]
    assert all(np.array_equal(firsts[0], each) for each in firsts)
    assert len([*train_all(records)]) == 3


@pytest.mark.parametrize("name", ["tsv", "table", "json"])
def test_the_command_compares_blocks(name: str) -> None:
    options = "train --block plain,residual,bottleneck --act tanh -n 1,2 --width 4 --epochs 1"
    result = run_in_process(*options.split(), "-f", name, "-q")
    assert (result.status, result.stderr) == (0, b"")
    text = result.stdout.decode()
    blocks = ["S(Wx+b)", "x + S(Wx+b)", "x + V S(Wx+b)"]
    if name == "json":
        document = json.loads(text)
        assert document["settings"]["block"] == blocks
        assert [row["block"] for row in document["rows"]] == [b for b in blocks for _ in "12"]
    elif name == "tsv":
        header, *rows = (line.split("\t") for line in text.splitlines())
        assert header[-1] == "block"
        assert [row[-1] for row in rows] == [b for b in blocks for _ in "12"]
    else:
        assert [len(re.findall(rf"^{re.escape(b)} +tanh", text, re.MULTILINE)) for b in blocks] == [
            *(2, 2, 2)
        ]


def test_a_block_alone_stands_in_the_title() -> None:
    result = run_in_process(
        *("train", "--block=postnorm", "--hidden=4x", "--act=tanh", "--layers=2", "--width=4"),
        *("--epochs=1", "--format=table"),
    )
    text = " ".join(result.stdout.decode().split())
    assert "spirals · block LN(x + V S(Wx+b) + c) · width 4 · 4x inside" in text
    assert "‖∂L/∂f‖ of layer 1 over the last layer's" in text
    assert "S(Wx+b) where the block does not fit: it takes 2 values and gives 4" in text


def test_the_gradient_is_shown_of_the_same_block() -> None:
    found = train(**SMALL | {"layers": 12}, block="S(W~x + b~)", epochs=1)
    assert found.outcome.value == "chance"
    text = view([found]).findings[0].text
    command = re.search(r"Its gradient, layer by layer: vanish (.*?)\.(?: |$)", text)
    assert command is not None
    assert command[1].startswith("--block 'S(W~x+b~)' --act sigmoid")


def test_five_lines_of_python() -> None:
    found = vanish.train(block="residual", act="sigmoid", layers=4, width=8, epochs=3)
    row = found.row()
    assert row["block"] == found.settings.block == "x + S(Wx+b)"
    assert isinstance(row["log10_ratio_start"], float)
    assert row["log10_ratio_start"] > -1.0


# --- what it is for ---


@pytest.mark.slow
def test_sigmoid_learns_the_spirals_with_skips() -> None:
    for seed in range(3):
        plain, residual = (
            train(act="sigmoid", layers=16, block=block, epochs=40, seed=seed)
            for block in ("plain", "residual")
        )
        assert (plain.outcome.value, residual.outcome.value) == ("chance", "learned")
        start = residual.row()["log10_ratio_start"]
        assert isinstance(start, float)
        assert abs(start) < 1.0


@pytest.mark.slow
def test_sigmoid_learns_the_digits_with_skips() -> None:
    pytest.importorskip("sklearn", reason="the digits are scikit-learn's")
    digits = datasets.load("digits")
    plain, residual = (
        train(act="sigmoid", layers=16, block=block, data=digits, epochs=20)
        for block in ("plain", "residual_scaled")
    )
    assert (plain.outcome.value, residual.outcome.value) == ("chance", "learned")
    accuracy = residual.row()["test_accuracy"]
    assert isinstance(accuracy, float)
    assert accuracy > 0.8


@pytest.mark.slow
def test_a_norm_rescues_the_sigmoid_behind_it_and_not_before() -> None:
    found = {
        block: train(act="sigmoid", layers=16, block=block, epochs=40).outcome.value
        for block in ("layernorm", "layernorm_after")
    }
    assert found == {"layernorm": "chance", "layernorm_after": "learned"}
