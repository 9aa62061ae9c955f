"""Blocks' sampled trials have the law of networks whose matrices are drawn in full.

The judges are PyTorch's autograd of the formulas' texts (see `blockoracle`), all trials at once,
with random numbers of its own; and the dense engine. All comparisons are one family: Bonferroni
keeps the chance that any of them fails while the laws agree at about 0.001, and planted faults
must be found at the same level. Kolmogorov-Smirnov's and Fisher's tests are judged in
tests/readings/test_sampled_law.py.
"""

from __future__ import annotations

import math
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import blockoracle
import numpy as np
import oracles
import pytest
from test_sampled_law import fisher, ks

from vanish.errors import UsageError
from vanish.network.formulas.named import NAMED
from vanish.numbers.stack import Magnitudes, Stack
from vanish.readings.drawable import SAMPLED
from vanish.readings.sampled import SampledChain
from vanish.simulation import trials as ensemble
from vanish.simulation.plan import plan
from vanish.simulation.run import measure
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conftest import Plant

    from vanish.network.streams import Trials
    from vanish.numbers.scaled import FloatArray

SAMPLED_SEED, FULL_SEED = 11, 22
TRIALS = 4000

NAMES = {record.name: record.text for record in NAMED}
TWO_S = "x - 1/2 S(W x + b) + 0.7 V S(U LN(x) + c)"

# A block is looked at with what shows it best; of activations, sizes, batches and biases all come
# to pass.
CASES: dict[str, dict[str, Any]] = {
    "residual tanh": {"block": "residual", "act": "tanh", "width": 4, "bias_std": 0.3},
    "residual relu, a batch": {"block": "residual", "act": "relu", "width": 6, "batch": 3},
    "residual_scaled sigmoid": {
        "block": "residual_scaled",
        "act": "sigmoid",
        "weight_std": 5.0,
        "width": 5,
    },
    "bottleneck gelu": {"block": "bottleneck", "act": "gelu", "width": 4, "hidden": 7},
    "bottleneck relu, a batch": {
        "block": "bottleneck",
        "act": "relu",
        "width": 16,
        "batch": 3,
        "hidden": "0.5x",
        "bias_std": 0.3,
        "weight_std": (("V", 0.7), ("W", 1.5)),
    },
    "prenorm relu": {"block": "prenorm", "act": "relu", "width": 5, "bias_std": 0.2},
    "prenorm tanh, a batch": {"block": "prenorm", "act": "tanh", "width": 8, "batch": 3},
    "prenorm_rms gelu": {"block": "prenorm_rms", "act": "gelu", "width": 5, "bias_std": 0.2},
    "postnorm tanh": {"block": "postnorm", "act": "tanh", "width": 5, "bias_std": 0.4},
    "postnorm relu, a batch": {"block": "postnorm", "act": "relu", "width": 6, "batch": 3},
    "layernorm sigmoid": {
        "block": "layernorm",
        "act": "sigmoid",
        "widths": (4, 6, 4, 5),
        "bias_std": 0.5,
    },
    "layernorm tanh, a batch": {"block": "layernorm", "act": "tanh", "width": 4, "batch": 3},
    "layernorm_after sigmoid": {"block": "layernorm_after", "act": "sigmoid", "width": 5},
    "layernorm_after tanh, a batch": {
        "block": "layernorm_after",
        "act": "tanh",
        "widths": (3, 6, 5, 8),
        "batch": 3,
    },
    "rmsnorm relu": {"block": "rmsnorm", "act": "relu", "width": 6, "bias_std": 0.3},
    "rmsnorm_after gelu, a batch": {
        "block": "rmsnorm_after",
        "act": "gelu",
        "width": 5,
        "batch": 3,
        "bias_std": 0.2,
    },
    "batchnorm relu": {"block": "batchnorm", "act": "relu", "width": 8, "batch": 3, "loss": "mse"},
    "batchnorm tanh": {"block": "batchnorm", "act": "tanh", "width": 5, "batch": 5},
    "rnn_untied tanh": {"block": "rnn_untied", "act": "tanh", "width": 5, "bias_std": 0.3},
    "rnn_untied relu, a batch": {
        "block": "rnn_untied",
        "act": "relu",
        "widths": (3, 5, 4, 6),
        "batch": 3,
        "hidden": 2,
    },
    "two S tanh": {"block": TWO_S, "act": "tanh", "width": 5, "hidden": 3, "bias_std": 0.3},
    "two S relu, a batch": {"block": TWO_S, "act": "relu", "width": 4, "batch": 3},
    "orthogonal residual": {
        "block": "x + 0.5 V S(Wx+b)",
        "act": "tanh",
        "width": 4,
        "hidden": 6,
        "init": "orthogonal",
        "gain": 2.0,
        "weight_std": None,
    },
    "no S": {"block": "x + 0.3 Wx", "act": "tanh", "width": 4, "batch": 2},
    "wide": {"block": "prenorm", "act": "gelu", "width": 16, "hidden": "4x", "bias_std": 0.1},
}

STD = {"tanh": 2.0, "relu": math.sqrt(2.0), "gelu": 1.7, "sigmoid": 3.0}


def settings_of(options: dict[str, Any], engine: str, trials: int, seed: int) -> Settings:
    common: dict[str, Any] = {"layers": 3} if "widths" not in options else {}
    common |= {"weight_std": STD[options["act"]], "norm_bound": False}
    if options.get("loss") == "mse":
        common["target"] = np.linspace(-0.5, 1.0, options["width"])
    return Settings(**(common | options), engine=engine, trials=trials, seed=seed)


# --- what is compared: log10 of norms, -inf for a true zero ---


def statistics(norms: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return statistics of norms by name, ∂W1 or |W1|, each of shape (T,)."""
    found = dict(norms)
    last = max(int(name[2:]) for name in norms if name.startswith("∂f"))
    letters = {name[1] for name in norms if name[0] == "∂" and name[1:] != "x"}
    with np.errstate(invalid="ignore"):  # a zero over a zero
        for letter in sorted(letters):
            if f"∂{letter}1" in norms and f"∂{letter}{last}" in norms:
                found[f"∂{letter}1/∂{letter}N"] = norms[f"∂{letter}1"] - norms[f"∂{letter}{last}"]
        matrices = [letter for letter in letters if letter.isupper()]
        for letter in matrices:
            found[f"∂{letter}1/|{letter}1|"] = norms[f"∂{letter}1"] - norms[f"|{letter}1|"]
            found[f"∂{letter}1/|{letter}2|"] = norms[f"∂{letter}1"] - norms[f"|{letter}2|"]
            found[f"∂{letter}1/∂f1"] = norms[f"∂{letter}1"] - norms["∂f1"]
        if len(matrices) > 1:
            one, other = sorted(matrices)[:2]
            found[f"∂{one}1/∂{other}1"] = norms[f"∂{one}1"] - norms[f"∂{other}1"]
    return found


def p_values(one: Mapping[str, FloatArray], other: Mapping[str, FloatArray]) -> dict[str, float]:
    """Return two p-values a statistic: of the shares of true zeros, and of the rest."""
    found = {}
    left, right = statistics(one), statistics(other)
    assert left.keys() == right.keys()
    for name in left:
        # Values of positive probability, such as √(K/n), differ by rounding.
        values = [each[name].round(9) for each in (left, right)]
        some = [np.isfinite(each) for each in values]
        zeros = [int(each.size - each.sum()) for each in some]
        found[f"zeros of {name}"] = fisher(zeros[0], some[0].size, zeros[1], some[1].size)
        found[name] = ks(values[0][some[0]], values[1][some[1]])
        if name.endswith("N"):
            # A layer that gives nothing lets nothing through.
            counts = [int(np.isposinf(each[name]).sum()) for each in (left, right)]
            found[f"{name} infinite"] = fisher(counts[0], some[0].size, counts[1], some[1].size)
    return found


# Smaller than so much is nothing but rounding.
LEAST = -12.0


def without_rounding(norms: dict[str, FloatArray], block: str) -> dict[str, FloatArray]:
    """Leave out what is zero but for rounding: by a bias that BN subtracts.

    What LN or BN makes of the same number for all units or rows is 0; PyTorch's is rounded.
    """
    return {
        name: np.where(each < LEAST, -np.inf, each)
        for name, each in norms.items()
        if not (name.startswith("∂b") and "BN" in block)
    }


# --- sampled trials ---


def sampled(options: dict[str, Any], trials: int = TRIALS) -> dict[str, FloatArray]:
    """Return the norms of sampled trials: of the gradients by every letter, and of all W."""
    settings = settings_of(options, "sampled", trials, SAMPLED_SEED)

    def read(
        settings: Settings, chain: ensemble.Chain, trials: Trials, counter: Any
    ) -> dict[str, Magnitudes]:
        norms = chain.walk(partial(ensemble._loss_gradient, settings, trials), counter)
        model = settings.model
        weights = {f"|{each}": chain.weight_norms(each) for each in model.matrices}
        names = (*model.letters, *model.graph.arguments, "f")
        return {f"∂{name}": norms[name] for name in names} | weights

    blocks = ensemble._each_block(read, settings)
    found = {}
    for name in blocks[0]:
        logs = Magnitudes.joined([block[name] for block in blocks]).log10
        for k, row in enumerate(logs, 1):
            found[f"{name}{k}{'|' if name[0] == '|' else ''}"] = row
    if "BN" not in settings.block:
        # Zeros are true ones.
        assert min(each[np.isfinite(each)].min() for each in found.values()) > LEAST
    return without_rounding(found, settings.block)


# --- networks drawn in full ---


def in_full(options: dict[str, Any]) -> dict[str, FloatArray]:
    """Return the same of trials whose matrices are drawn, with numbers of their own."""
    torch = oracles.pytorch()
    settings = settings_of(options, "dense", TRIALS, FULL_SEED)
    generator, model, rows = np.random.default_rng(FULL_SEED), settings.model, settings.rows
    act = oracles.torch_activation(str(settings.act))
    text = NAMES.get(str(options["block"]), str(options["block"]))
    stds = dict(settings.weight_std) if isinstance(settings.weight_std, tuple) else {}

    def normal(*shape: int) -> FloatArray:
        return generator.standard_normal((TRIALS, *shape))

    def matrix(letter: str, n_out: int, n_in: int) -> FloatArray:
        if settings.init == "orthogonal":
            m = max(n_out, n_in)
            q, r = np.linalg.qr(normal(m, m))
            haar = q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]
            return np.asarray(settings.gain * haar[:, :n_out, :n_in])
        std = stds.get(letter, settings.weight_std)
        assert isinstance(std, float)
        return std / math.sqrt(n_in) * normal(n_out, n_in)

    nodes = {}
    for address, _, shape in model.parameters:
        drawn = (
            matrix(address.letter, *shape)
            if len(shape) == 2
            else settings.bias_std * normal(1, *shape)
        )
        nodes[str(address)] = torch.tensor(drawn, requires_grad=True)
    f = torch.tensor(normal(rows, model.n_in))
    letters = dict(blockoracle.letters(text))
    for k in range(1, model.depth + 1):
        u = torch.tensor(normal(rows, model.step_sizes[k])) if "u" in text else None
        here = {letter: nodes[f"{letter}{k}"] for letter in letters}
        run = blockoracle.Evaluation(text, f, u, here, act, model.depth)
        own = [each for each in run.arguments if each is not f and each is not u]
        for name, each in zip(blockoracle.ARGUMENTS, own, strict=False):
            nodes[f"{name}{k}"] = each
        nodes[f"f{k}"] = f = run.value
    if settings.loss == "mse":
        assert settings.target is not None
        loss = 0.5 * ((f - torch.tensor(settings.target.values)) ** 2).sum() / rows
    else:
        signs = generator.choice((-1.0, 1.0), (TRIALS, 1, model.n_out))
        loss = (f * torch.tensor(signs / math.sqrt(model.n_out))).sum() / rows
    gradients = torch.autograd.grad(loss, list(nodes.values()))
    sizes = {f"∂{name}": each for name, each in zip(nodes, gradients, strict=True)}
    sizes |= {f"|{name}|": each.detach() for name, each in nodes.items() if name[0].isupper()}
    with np.errstate(divide="ignore"):
        found = {
            name: np.log10(np.sqrt((each.numpy() ** 2).reshape(TRIALS, -1).sum(axis=1)))
            for name, each in sizes.items()
        }
    return without_rounding(found, text)


@cache
def right(name: str) -> dict[str, FloatArray]:
    return in_full(CASES[name])


# The most that there are a case, and some single ones further down.
TESTS = 2 * 60 * (len(CASES) + 10)
LEVEL = 1e-3 / TESTS


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_sampled_blocks_have_the_law_of_networks_drawn_in_full(name: str) -> None:
    found = p_values(sampled(CASES[name]), right(name))
    assert len(found) <= 2 * 60
    assert {key: p for key, p in found.items() if p < LEVEL} == {}


def columns(measured: Any) -> dict[str, FloatArray]:
    """Return what an engine measures, pooled over a block's matrices and biases."""
    parts = {
        "∂W": measured.grad_w,
        "∂b": measured.grad_b,
        "∂f": measured.grad_f,
        "∂a": measured.grad_a,
        "|W": measured.weight,
    }
    return {
        f"{name}{k}{'|' if name[0] == '|' else ''}": row
        for name, part in parts.items()
        for k, row in enumerate(part.log10, 1)
    }


# Where two matrices, two biases or two S of a layer are one number.
POOLED = ("two S tanh", "bottleneck relu, a batch", "postnorm tanh", "rnn_untied tanh")


@pytest.mark.slow
@pytest.mark.parametrize("name", POOLED)
def test_sampled_columns_of_blocks_have_the_law_of_the_dense_engine(name: str) -> None:
    one, other = (
        columns(measure(settings_of(CASES[name], engine, trials, seed)))
        for engine, trials, seed in (
            ("sampled", TRIALS, SAMPLED_SEED),
            ("dense", 500, FULL_SEED),
        )
    )
    assert {key: p for key, p in p_values(one, other).items() if p < LEVEL} == {}


# --- planted faults are caught ---


def no_skip(_: Any, __: Any, ___: int, ____: Any, g: Stack) -> tuple[Stack, Stack]:
    return Stack(0.0 * g.values), g


def no_projection(_: Any, __: Any, ___: int, kept: Any, g: Stack) -> tuple[Stack]:
    """Divide by σ alone."""
    mantissas, powers = kept.deviations
    size = np.where(mantissas > 0.0, mantissas, np.inf)
    return (Stack(g.values * np.ldexp(1.0, -powers) / size, g.exponents).balanced(),)


def no_coefficient(_: Any, __: Any, ___: int, ____: Any, g: Stack) -> tuple[Stack]:
    return (g,)


FAULTS: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "no skip": ("residual tanh", "add", no_skip),
    "no projection of LN before S": ("layernorm sigmoid", "layernorm", no_projection),
    "no projection of LN behind S": ("layernorm_after sigmoid", "layernorm", no_projection),
    "no projection of LN behind a sum": ("postnorm tanh", "layernorm", no_projection),
    "no projection of RMS": ("rmsnorm relu", "rmsnorm", no_projection),
    "no projection of BN": ("batchnorm relu", "batchnorm", no_projection),
    "no coefficient": ("two S tanh", "scale", no_coefficient),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_going_back_is_caught(fault: str, plant: Plant) -> None:
    name, kind, back = FAULTS[fault]
    expected = right(name)
    plant(SAMPLED, kind, back=back)
    assert min(p_values(sampled(CASES[name]), expected).values()) < LEVEL


@pytest.mark.slow
def test_a_bias_that_all_layers_share_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    # Weights so small that most of the signal is the biases'.
    options = CASES["residual tanh"] | {"weight_std": 0.5, "bias_std": 2.0}
    expected = in_full(options)
    assert min(p_values(sampled(options), expected).values()) >= LEVEL
    whole = SampledChain.bias
    monkeypatch.setattr(
        SampledChain, "bias", lambda chain, slot, _, n_out: whole(chain, slot, 1, n_out)
    )
    assert min(p_values(sampled(options), expected).values()) < LEVEL


def drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let u_k be another one each time that it is asked for."""
    generator, whole = np.random.default_rng(5), SampledChain.step

    def step(chain: SampledChain, k: int) -> Stack:
        return Stack(generator.standard_normal(whole(chain, k).values.shape))

    monkeypatch.setattr(SampledChain, "step", step)


def in_segments(options: dict[str, Any], trials: int) -> dict[str, FloatArray]:
    """Return norms of trials of which every layer's way forward is run once more going back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "plan", lambda *args: plan(*args)._replace(segment=1, workers=1))
        return sampled(options, trials)


@pytest.mark.parametrize("name", CASES)
def test_layers_that_are_run_again_going_back_are_the_same(name: str) -> None:
    one, other = sampled(CASES[name], 30), in_segments(CASES[name], 30)
    assert {key for key in one if not np.array_equal(one[key], other[key])} == set()


@pytest.mark.slow
def test_a_step_that_is_drawn_anew_going_back_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    # Where all of f_1 is 0, so is ∂L/∂W_2, and all slopes of layer 1 are.
    options = {"block": "rnn_untied", "act": "relu", "width": 2, "hidden": 1}
    options |= {"weight_std": (("W", 1.0), ("U", 3.0)), "bias_std": 0.1}
    expected = in_full(options)
    assert min(p_values(in_segments(options, TRIALS), expected).values()) >= LEVEL
    drawn_anew(monkeypatch)
    # It is a law as good as any as long as nobody asks twice.
    assert min(p_values(sampled(options), expected).values()) >= LEVEL
    assert min(p_values(in_segments(options, TRIALS), expected).values()) < LEVEL


# --- what cannot be sampled ---


TIED = ["rnn", "x + S(W~x+b)", "S(Wx + U~u)", "x + W S(Wx+b)", "V S(Vx)"]


@pytest.mark.parametrize("block", TIED)
def test_what_is_met_twice_is_refused_and_auto_takes_dense(block: str) -> None:
    with pytest.raises(UsageError, match="cannot draw in law: give engine dense") as caught:
        Settings(block=block, engine="sampled")
    assert "\n" not in str(caught.value)
    many: dict[str, Any] = {"width": 64, "layers": 20, "trials": 10**6}
    assert Settings(block=block, **many).engine_used == "dense"
    assert Settings(block="rnn_untied", **many).engine_used == "sampled"


@pytest.mark.parametrize("block", ["S(Wx+b~)", "x + S(Wx+b) + b"])
def test_a_bias_that_is_met_twice(block: str) -> None:
    """Its law is known: it is drawn. Yet the reading says that it cannot."""
    with pytest.raises(UsageError, match="cannot draw in law"):
        Settings(block=block, engine="sampled")
