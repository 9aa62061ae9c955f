"""Training: its gradients and steps against others', what is shared, and what comes of it."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import oracles
import pytest
from training_runs import BLOBS, SMALL, blobs, first_batch, started

import vanish
from vanish import Data, Network, Rows, Settings, Simulation, TrainingSettings, train
from vanish.errors import MemoryLimitError, UsageError, VanishError
from vanish.network import activations
from vanish.network.graph import Variable, article_graph
from vanish.network.streams import Streams
from vanish.readings import dense
from vanish.readings.inplace import IN_PLACE, Cell, Parameters, Passes
from vanish.render.train import view
from vanish.training import data as datasets
from vanish.training import run as training
from vanish.training.optimizers import get as get_optimizer
from vanish.training.result import Outcome, Training
from vanish.training.run import Run, train_all

if TYPE_CHECKING:
    from conftest import Plant

    from vanish.network.graph import Op

ACTS = ["sigmoid", "tanh", "relu", "gelu", "selu"]


# --- gradients ---


@pytest.mark.parametrize("act", ACTS)
def test_the_first_gradients_are_those_of_the_simulation(act: str) -> None:
    # `vanish --act ACT --last-act identity --widths … --loss cross_entropy --input … --target …`
    run = started(act=act, seed=3)
    x, y = first_batch(run)
    run.differentiate(x, y)
    simulation = Simulation(
        Settings(
            act=act,
            last_act="identity",
            widths=(4, 5, 5, 5, 3),
            loss="cross_entropy",
            input=Rows(x),
            target=Rows(y),
            seed=3,
        )
    )
    found = dict(dense.arrays(simulation.trace, simulation.loss_gradient))
    for k in range(1, 5):
        for letter, gradients in (("W", run.gradients.weights), ("b", run.gradients.biases)):
            expected = found[Variable(letter, k)].with_exponent(0).values
            assert gradients[k - 1] == pytest.approx(expected, rel=1e-12, abs=1e-16)
    norms = [float(simulation.norms[Variable("W", k)]) for k in range(1, 5)]
    assert [np.linalg.norm(each) for each in run.gradients.weights] == pytest.approx(norms)


@pytest.mark.parametrize("act", ["sigmoid", "relu"])
def test_the_start_is_measured_as_the_simulation_does(act: str) -> None:
    settings = TrainingSettings(**SMALL | {"act": act, "epochs": 1})
    found = train(settings)
    part = settings.source.split(Streams(0)).train
    profile = vanish.simulate(
        act=act,
        last_act="identity",
        widths=(4, 5, 5, 5, 3),
        loss="cross_entropy",
        input=Rows(part.x),
        target=Rows(part.y.astype(np.float64)),
    )
    row = found.row()
    assert row["log10_ratio_start"] == pytest.approx(profile.log10_ratio, rel=1e-9)
    assert row["log10_ratio_w_start"] == pytest.approx(profile.log10_ratio_w, rel=1e-9)


@pytest.mark.parametrize("act", ACTS)
def test_pytorchs_autograd_on_one_step(act: str) -> None:
    torch = oracles.pytorch()
    run = started(act=act)
    x, y = first_batch(run)
    run.differentiate(x, y)
    parameters, f = torch_parameters(torch, run), torch.tensor(x)
    loss = torch.nn.CrossEntropyLoss()(torch_forward(parameters, act, f), torch.tensor(y))
    expected = torch.autograd.grad(loss, parameters)
    for gradient, right in zip(in_order(run.gradients), expected, strict=True):
        assert np.abs(gradient - right.numpy()).max() <= 1e-10 * np.abs(right.numpy()).max()


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("act", ["sigmoid", "relu"])
def test_pytorch_steps_to_the_same_place(act: str, optimizer: str) -> None:
    torch = oracles.pytorch()
    run = started(act=act, optimizer=optimizer, lr=0.05 if optimizer != "adam" else 0.01)
    parameters = torch_parameters(torch, run)
    lr = run.settings.lr_used
    step = {
        "sgd": lambda: torch.optim.SGD(parameters, lr=lr),
        "momentum": lambda: torch.optim.SGD(parameters, lr=lr, momentum=0.9),
        "adam": lambda: torch.optim.Adam(parameters, lr=lr),
    }[optimizer]()
    # 48 examples in batches of 7, the last one of 6: 50 steps are 7 epochs and a bit.
    assert len(run.split.train.y) == 48
    batches, orders = 0, Run(run.settings, run.split).orders
    for _ in range(8):
        order = orders.permutation(48)
        run.epoch()
        for first in range(0, 48, 7):
            x, y = (part[order[first : first + 7]] for part in run.split.train)
            step.zero_grad()
            logits = torch_forward(parameters, act, torch.tensor(x))
            torch.nn.CrossEntropyLoss()(logits, torch.tensor(y)).backward()
            step.step()
            batches += 1
    assert batches >= 50
    for found, right in zip(in_order(run.parameters), parameters, strict=True):
        expected = right.detach().numpy()
        assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()


def in_order(parameters: Parameters) -> list[np.ndarray]:
    return [*parameters.weights, *parameters.biases]


def torch_parameters(torch: Any, run: Run) -> list[Any]:
    arrays = in_order(run.parameters)
    return [torch.tensor(each.copy(), requires_grad=True) for each in arrays]


def torch_forward(parameters: list[Any], act: str, f: Any) -> Any:
    depth = len(parameters) // 2
    for k in range(depth):
        f = f @ parameters[k].T + parameters[depth + k]
        f = oracles.torch_activation(act)(f) if k < depth - 1 else f
    return f


def test_adam_is_algorithm_1_of_kingma_and_ba() -> None:
    generator = np.random.default_rng(0)
    theta, steps = generator.standard_normal(4), generator.standard_normal((5, 4))
    found, update = theta.copy(), get_optimizer("adam").start(0.1, 4)
    m, v = np.zeros(4), np.zeros(4)
    for t, g in enumerate(steps, 1):
        update(found, g.copy())
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        theta = theta - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        assert found == pytest.approx(theta, rel=1e-12)


def test_the_backward_pass_is_the_product_of_the_chain_rule(plant: Plant) -> None:
    # A rule that is planted in the reading comes out in training.
    def passed_by(_: Passes, __: Op, ___: int, ____: Cell, g: Cell) -> tuple[Cell]:
        return (g,)

    run = started(act="relu", width=4, data=blobs(classes=4))
    x, y = first_batch(run)
    run.differentiate(x, y)
    right = run.gradients.vector.copy()
    plant(IN_PLACE, "activate", back=passed_by)
    wrong = started(act="relu", width=4, data=blobs(classes=4))
    wrong.differentiate(x, y)
    assert not np.allclose(wrong.gradients.vector, right)


def test_no_gradient_by_the_input_is_computed_and_arrays_are_used_again() -> None:
    shapes = {"W1": (5, 4), "b1": (5,), "W2": (3, 5), "b2": (3,)}
    by_address = {Variable(name[0], int(name[1])): shape for name, shape in shapes.items()}
    parameters, found = Parameters(by_address), Parameters(by_address)
    generator = np.random.default_rng(0)
    parameters.vector[:] = generator.standard_normal(len(parameters.vector))
    acts = [activations.get(name) for name in ("tanh", "identity")]
    passes = Passes(article_graph(2), acts, parameters.by_address, found.by_address, 4, 3, 6)
    # S'(a_2), W_2, b_2, W_2 back, S'(a_1), W_1 and b_1: nothing more.
    assert len(passes._back) == 7
    x = generator.standard_normal((6, 4))
    results = []
    for _ in range(2):
        passes.forward(x)
        passes.loss_gradient[...] = 1.0
        passes.backward()
        results.append(found.vector.copy())
    assert np.array_equal(results[0], results[1])


# --- what is shared ---


def test_every_activation_starts_from_the_same_draws() -> None:
    first = {act: started(act=act).parameters.weights for act in ("sigmoid", "tanh", "relu")}
    for k, (sigmoid, tanh, relu) in enumerate(zip(*first.values(), strict=True)):
        assert np.array_equal(sigmoid, tanh)
        ratio = relu / sigmoid
        # He's scale over Xavier's; the identity layer behind them has one of its own.
        n_in, n_out = [*pairwise((4, 5, 5, 5, 3))][k]
        expected = math.sqrt((n_in + n_out) / n_in) if k < 3 else 1.0
        assert ratio == pytest.approx(expected, rel=1e-12)


def test_of_a_trial_all_get_the_same_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[tuple[str, int], list[np.ndarray]] = {}
    differentiate = Run.differentiate

    def noted(self: Run, x: np.ndarray, y: np.ndarray) -> None:
        seen.setdefault((self.settings.act_name, self.settings.layers), []).append(x.copy())
        differentiate(self, x, y)

    monkeypatch.setattr(Run, "differentiate", noted)
    options = SMALL | {"epochs": 2, "trials": 2}
    runs = [
        TrainingSettings(**options | {"act": act, "layers": layers})
        for act in ("sigmoid", "relu")
        for layers in (1, 2)
    ]
    list(train_all(runs))
    first, *others = seen.values()
    assert len(first) == 2 * 2 * 7
    for other in others:
        assert all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    epochs = [np.concatenate(first[i : i + 7]) for i in (0, 7)]
    one, two = epochs
    assert not np.array_equal(one, two)
    assert np.array_equal(np.sort(one, axis=0), np.sort(two, axis=0))


def test_companions_further_trials_and_a_history_change_nothing() -> None:
    options = SMALL | {"epochs": 3}
    alone = train(**options, act="tanh").row()
    runs = [TrainingSettings(**options | {"act": act}) for act in ("relu", "tanh")]
    together = [each.row() for each in train_all(runs, history=range(4))]
    assert together[1] == alone
    several = train(**options, act="tanh", trials=3)
    assert several.trials[0].end is not None
    assert several.trials[0].end.loss == alone["loss"]
    assert len({trial.end.loss for trial in several.trials if trial.end}) == 3


# --- what is measured ---


def test_the_end_is_that_of_the_simulation_on_the_trained_network() -> None:
    run = started(act="tanh", epochs=4, lr=0.1)
    first = [weight.copy() for weight in run.parameters.weights]
    trial = run.train(lambda: None)
    part, test = run.split
    network = Network(
        tuple(weight.copy() for weight in run.parameters.weights),
        tuple(bias.copy() for bias in run.parameters.biases),
    )
    simulation = Simulation(
        Settings(
            layer_acts=("tanh",) * 3 + ("identity",),
            weights=network,
            loss="cross_entropy",
            input=Rows(part.x),
            target=Rows(part.y.astype(np.float64)),
        )
    )
    end = trial.end
    assert end is not None
    for k in range(1, 5):
        for logs, letter in ((end.log10_grad_w, "W"), (end.log10_grad_a, "a")):
            assert logs[k - 1] == pytest.approx(
                simulation.norms[Variable(letter, k)].log10, rel=1e-9
            )
    changes = [
        np.linalg.norm(now - before) / np.linalg.norm(before)
        for now, before in zip(network.weights, first, strict=True)
    ]
    assert end.change == pytest.approx(changes, rel=1e-12)
    logits = simulation.trace.output.with_exponent(0).values
    exact = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(part.y)), part.y]
    assert end.loss == pytest.approx(exact.mean(), rel=1e-12)
    assert end.train_accuracy == (logits.argmax(axis=1) == part.y).mean()
    tested = vanish.Simulation(
        Settings(layer_acts=("tanh",) * 3 + ("identity",), weights=network, input=Rows(test.x))
    ).trace.output.with_exponent(0)
    assert end.test_accuracy == (tested.values.argmax(axis=1) == test.y).mean()


def test_a_large_training_part_is_measured_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(**SMALL, epochs=2).row()
    monkeypatch.setattr(training, "MEASURED_ROWS", 20)
    pieces = train(**SMALL, epochs=2).row()
    for name in ("train_accuracy", "test_accuracy", "change_first", "change_last"):
        assert pieces[name] == whole[name]
    assert pieces["loss"] == pytest.approx(whole["loss"], rel=1e-12)
    assert pieces["log10_ratio_start"] != whole["log10_ratio_start"]


@pytest.mark.slow
def test_a_gradient_beyond_float64_is_measured() -> None:
    row = train(**SMALL | {"layers": 600}, act="sigmoid", epochs=1).row()
    assert isinstance(row["log10_ratio_start"], float)
    assert row["log10_ratio_start"] < -350.0
    assert row["change_first"] == 0.0
    assert row["outcome"] == "chance"


def test_a_row_is_the_median_of_each_column_by_itself() -> None:
    found = train(**SMALL, act="tanh", epochs=3, trials=5)
    row = found.row()
    ends = [trial.end for trial in found.trials if trial.end is not None]
    assert row["loss"] == sorted(end.loss for end in ends)[2]
    accuracies = sorted(end.test_accuracy for end in ends)
    columns = ("test_accuracy_p05", "test_accuracy", "test_accuracy_p95")
    assert [row[name] for name in columns] == [accuracies[i] for i in (0, 2, 4)]
    assert found.median.end is not None
    assert found.median.end.test_accuracy == accuracies[2]
    assert row["outcome"] == found.median.outcome.value
    assert isinstance(row["outcome_share"], float)
    alone = train(**SMALL, act="tanh", epochs=3).row()
    assert {alone[name] for name in alone if name.endswith(("p05", "p95", "share"))} == {None}


def test_a_history_has_a_row_an_epoch_and_layer() -> None:
    found = train(**SMALL, act="tanh", epochs=3, history=range(4))
    rows = found.layer_rows()
    assert [(row["epoch"], row["layer"]) for row in rows] == [
        (epoch, layer) for epoch in range(4) for layer in range(1, 5)
    ]
    assert {row["change"] for row in rows[:4]} == {0.0}
    last = found.row()
    assert rows[-1]["loss"] == last["loss"]
    assert rows[-1]["change"] == last["change_last"]
    first, *_, end = (row["log10_grad_a"] for row in rows[:4])
    assert isinstance(first, float)
    assert isinstance(end, float)
    assert first - end == last["log10_ratio_start"]
    some = train(**SMALL, act="tanh", epochs=3, history={0, 2, 9})
    assert [*some.trials[0].history] == [0, 2]
    assert some.layer_rows()[4:] == rows[8:12]


# --- what comes of it ---


def test_without_a_learning_rate_nothing_changes() -> None:
    found = train(**SMALL, act="relu", lr=0.0, epochs=2)
    row = found.row()
    assert (row["outcome"], row["change_first"], row["change_last"]) == ("unchanged", 0.0, 0.0)
    assert row["log10_ratio_end"] == row["log10_ratio_start"]
    # Biases that begin at 0 are moved by the smallest step, and are no weights.
    tiny = train(**SMALL, act="relu", lr=1e-300, epochs=2).row()
    assert (tiny["outcome"], tiny["change_first"]) == ("unchanged", 0.0)


@pytest.mark.parametrize("act", ["relu", "identity", "tanh", "softplus", "sigmoid", "gelu"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("lr", [1e3, 1e30, 1e150, 1e305])
def test_no_learning_rate_leads_to_a_silent_nan(act: str, optimizer: str, lr: float) -> None:
    found = train(**SMALL, act=act, lr=lr, optimizer=optimizer, epochs=3, history=range(4))
    row = found.row()
    if found.outcome is Outcome.DIVERGED:
        ends = ("train_accuracy", "test_accuracy", "loss", "log10_ratio_end", "change_last")
        assert [row[name] for name in ends] == [None] * 5
        assert row["epochs"] in (1, 2, 3)
    for each in (row, *found.layer_rows()):
        json.dumps(each, allow_nan=False)


def test_divergence_is_told_with_its_epoch() -> None:
    found = train(**SMALL, act="identity", lr=1e160, epochs=9, history=range(10))
    assert found.outcome is Outcome.DIVERGED
    epoch = found.row()["epochs"]
    assert isinstance(epoch, int)
    assert epoch < 9
    lost = [row["epoch"] for row in found.layer_rows() if row["loss"] is None]
    assert lost == [each for each in range(epoch, 10) for _ in range(4)]
    several = train(**SMALL, act="identity", lr=1e160, epochs=3, trials=3)
    assert (several.outcome, several.outcome_share) == (Outcome.DIVERGED, 1.0)


def test_weights_of_no_use_have_diverged_though_all_is_finite() -> None:
    # Of a sigmoid nothing overflows; 2^500, the bound, is 3e150.
    outcomes = [train(**SMALL, act="sigmoid", lr=lr, epochs=1).outcome for lr in (1e130, 1e170)]
    assert outcomes[0] is not Outcome.DIVERGED
    assert outcomes[1] is Outcome.DIVERGED


def test_a_trial_that_diverged_is_the_worst_of_all() -> None:
    good = train(**SMALL, epochs=2)
    lost = train(**SMALL, epochs=2, act="identity", lr=1e160)
    trials = (*good.trials, *good.trials, *lost.trials)
    both = Training(good.settings, trials)
    row = both.row()
    assert row["test_accuracy"] == good.row()["test_accuracy"]
    assert row["test_accuracy_p05"] is None
    assert row["outcome_share"] == pytest.approx(2 / 3)
    worse = Training(good.settings, (*good.trials, *lost.trials, *lost.trials)).row()
    assert (worse["outcome"], worse["test_accuracy"], worse["loss"]) == ("diverged", None, None)


def test_a_batch_larger_than_the_data_is_all_of_them() -> None:
    all_of_them = train(**SMALL | {"batch": 48}, epochs=3).row()
    assert train(**SMALL | {"batch": 10**9}, epochs=3).row() == all_of_them


def test_a_dead_network_says_so() -> None:
    # Width 1 and 8 layers of relu: some unit gets only negative values.
    found = train(data=BLOBS, act="relu", layers=8, width=1, epochs=2)
    assert found.outcome is Outcome.DEAD
    row = found.row()
    assert row["log10_ratio_start"] is row["log10_ratio_end"] is None
    assert (row["change_first"], row["change_last"]) == (0.0, 0.0)


def test_the_outcomes_are_told_apart_by_their_mistakes() -> None:
    y = np.arange(400) % 2
    split = Data.of(np.arange(400.0)[:, None], y, np.eye(400)[:, :1], y).split(Streams(0))
    state = train(**SMALL, epochs=1).trials[0].start
    for accuracy, outcome in (
        *((0.0, "chance"), (0.55, "chance"), (0.551, "partly"), (0.749, "partly")),
        *((0.75, "learned"), (1.0, "learned")),
    ):
        found = training._outcome(state._replace(test_accuracy=accuracy), split, same=False)
        assert found.value == outcome


@pytest.mark.parametrize("options", [{"epochs": 1}, {"width": 1}, {"layers": 1}, {"batch": 1}])
def test_the_smallest_of_everything(options: dict[str, Any]) -> None:
    found = train(**SMALL | {"epochs": 2} | options, act="tanh")
    assert None not in {found.row()[name] for name in ("loss", "change_first", "log10_ratio_end")}


# --- what it is for ---

DEPTHS = (1, 2, 4, 8, 16)
_KEPT: dict[tuple[str, int], Training] = {}


def five_seeds(act: str, depth: int) -> list[dict[str, Any]]:
    return [train(act=act, layers=depth, seed=seed).row() for seed in range(5)]


@pytest.mark.slow
@pytest.mark.parametrize("depth", DEPTHS)
def test_relu_learns_the_spirals_at_every_depth(depth: int) -> None:
    rows = five_seeds("relu", depth)
    assert min(row["test_accuracy"] for row in rows) > 0.9
    assert {row["outcome"] for row in rows} == {"learned"}


@pytest.mark.slow
def test_sigmoid_falls_to_chance_as_depth_grows() -> None:
    rows = five_seeds("sigmoid", 16)
    assert [row["test_accuracy"] for row in rows] == pytest.approx([0.5] * 5, abs=0.05)
    assert {row["outcome"] for row in rows} == {"chance"}
    # The first layer stands still, for it gets hardly any gradient.
    assert max(row["log10_ratio_start"] for row in rows) < -8.0
    assert max(row["change_first"] for row in rows) < 1e-6
    assert min(row["change_last"] for row in rows) > 1e-3
    shallow: list[dict[str, Any]] = [train(act="sigmoid", layers=n).row() for n in (1, 2)]
    assert min(row["test_accuracy"] for row in shallow) > 0.8


@pytest.mark.slow
def test_relu_learns_the_digits() -> None:
    pytest.importorskip("sklearn", reason="the digits are scikit-learn's")
    digits = datasets.load("digits")
    rows: list[dict[str, Any]] = [
        train(act="relu", layers=2, width=64, data=digits, epochs=30, seed=seed).row()
        for seed in range(5)
    ]
    assert sorted(row["test_accuracy"] for row in rows)[2] >= 0.96


# --- settings ---


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"layers": 0}, "layers 0: give at least 1"),
        ({"width": 0}, "width 0: give at least 1"),
        ({"epochs": 0}, "epochs 0: give at least 1"),
        ({"batch": -1}, "batch -1: give at least 1"),
        ({"trials": 0}, "trials 0: give at least 1"),
        ({"layers": 1.5}, "layers 1.5: give a whole number"),
        ({"seed": -1}, "seed -1: give an integer of at least 0"),
        ({"lr": -0.1}, "lr -0.1: give a finite number of at least 0"),
        ({"lr": math.nan}, "lr nan: give a finite number of at least 0"),
        ({"lr": math.inf}, "lr inf: give a finite number of at least 0"),
        ({"act": "sigmod"}, "unknown activation 'sigmod': did you mean sigmoid"),
        ({"init": "he"}, "unknown initialiser 'he': did you mean he_normal"),
        ({"optimizer": "adams"}, "unknown optimizer 'adams': did you mean adam"),
        ({"data": "spiral"}, "unknown data 'spiral': did you mean spirals"),
    ],
)
def test_a_wrong_setting_is_told_with_its_remedy(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(VanishError) as caught:
        TrainingSettings(**options)
    assert str(caught.value).startswith(complaint)


def test_settings_beside_options_are_refused() -> None:
    with pytest.raises(UsageError, match="settings beside epochs: give one of them"):
        train(TrainingSettings(), epochs=3)


@pytest.mark.parametrize("options", [{"width": 10**7}, {"layers": 10**9}])
def test_what_does_not_fit_is_refused_before_it_is_made(options: dict[str, Any]) -> None:
    with pytest.raises(MemoryLimitError, match=r"hidden layers of width .* give fewer layers"):
        train(**options)


def test_settings_say_what_was_used() -> None:
    used = TrainingSettings(act="ReLU", optimizer="Adam", layers=3).as_dict()
    assert used == {
        "act": "relu",
        "layers": 3,
        "width": 32,
        "init": "he_normal",
        "data": "spirals",
        "epochs": 100,
        "lr": 0.001,
        "batch": 16,
        "optimizer": "adam",
        "seed": 0,
        "trials": 1,
        "block": "S(Wx+b)",
        "hidden": None,
    }


def test_progress_is_told_by_the_work_that_is_done() -> None:
    told: list[tuple[int, int]] = []
    runs = [TrainingSettings(**SMALL | {"layers": n, "epochs": 2}) for n in (1, 3)]
    lost = TrainingSettings(**SMALL, act="identity", lr=1e200, epochs=5)
    list(train_all([*runs, lost], watch=lambda done, steps: told.append((done, steps))))
    assert [done for done, _ in told] == [2, 4, 8, 12, 16]
    assert {steps for _, steps in told} == {32}


def dead_by_hand(run: Run) -> list[float]:
    """Return the share of units of each hidden ReLU layer that no example switches on."""
    f, counted = run.split.train.x[:1000], []
    layers = zip(run.parameters.weights, run.parameters.biases, strict=True)
    for weight, bias in list(layers)[:-1]:
        a = f @ weight.T + bias
        counted.append(float(np.mean((a <= 0.0).all(axis=0))))
        f = np.maximum(a, 0.0)
    return counted


def test_dead_units_are_those_without_a_slope_on_any_example() -> None:
    # A learning rate that kills a relu network; counted once more, with plain arrays.
    trained = vanish.train(act="relu", layers=2, width=16, epochs=20, lr=3.0)
    run = Run(trained.settings, trained.settings.source.split(Streams(0)))
    start = dead_by_hand(run)
    for _ in range(20):
        run.epoch()
    end = dead_by_hand(run)
    median = trained.median
    assert median.end is not None
    assert (median.start.dead[:2].tolist(), median.end.dead[:2].tolist()) == (start, end)
    assert trained.row()["dead_fraction_start"] == max(start) < 0.75
    assert trained.row()["dead_fraction_end"] == max(end) == 1.0
    (finding,) = view([trained]).findings
    assert "16 of 16 units are dead: slope 0 on every example" in finding.text


def test_dead_units_are_not_asked_for_where_no_slope_is_zero() -> None:
    row = vanish.train(act="tanh", layers=1, width=4, epochs=1).row()
    assert row["dead_fraction_start"] is row["dead_fraction_end"] is None


def test_of_few_examples_nothing_is_better_than_guessing_and_it_is_said() -> None:
    y = np.arange(20) % 2
    x = np.random.default_rng(0).standard_normal((20, 2)) * 0.2 + 4.0 * y[:, None]
    found = train(act="relu", layers=1, epochs=30, data=Data.of(x, y), batch=4, lr=0.1)
    row: dict[str, Any] = found.row()
    assert (row["test_accuracy"], row["outcome"]) == (1.0, "chance")
    told = " ".join(str(found).split())
    assert "it gets 100 % right, of too few examples to tell it from guessing, 50 %" in told
    assert "no more than guessing" not in told
