"""Every script in examples/ runs, and what it prints is what the library says."""

from __future__ import annotations

import math
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from command import environment

import vanish
from vanish.files.networks import read_network
from vanish.network import activations
from vanish.numbers.words import short

EXAMPLES = Path(__file__).parent.parent / "examples"
TORCH_TO_VANISH = EXAMPLES / "torch_to_vanish.py"
PYTHON_API = EXAMPLES / "python_api.py"
COMPARE_ACTIVATIONS = EXAMPLES / "compare_activations.sh"
JOIN_TABLES = EXAMPLES / "join_tables.sh"
ARTICLE = EXAMPLES / "article.sh"
DEEPEST_IN_A_LOOP = EXAMPLES / "deepest_in_a_loop.sh"
DEEPEST_IN_ONE_SWEEP = EXAMPLES / "deepest_in_one_sweep.sh"
RESIDUAL = EXAMPLES / "why_residual_networks_train.py"
NORM_PLACES = EXAMPLES / "a_norm_in_which_place.py"
THROUGH_TIME = EXAMPLES / "through_time.py"
ONNX_FROM_PYTORCH = EXAMPLES / "onnx_from_pytorch.py"
ONNX_FROM_SCIKIT_LEARN = EXAMPLES / "onnx_from_scikit_learn.py"
TORCH_PROFILE = EXAMPLES / "torch_profile.py"


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment({"PYTHONWARNINGS": "error"}),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def output(*command: str | Path, cwd: Path) -> list[str]:
    """Return the lines of a command that must succeed and have nothing to complain of."""
    done = run(*command, cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(cwd.iterdir()), "it leaves files behind"
    return done.stdout.splitlines()


def test_every_example_is_tested_here() -> None:
    scripts = {path for path in EXAMPLES.iterdir() if path.is_file()}
    assert scripts == {
        *(TORCH_TO_VANISH, PYTHON_API, COMPARE_ACTIVATIONS, JOIN_TABLES, ARTICLE),
        *(DEEPEST_IN_A_LOOP, DEEPEST_IN_ONE_SWEEP, RESIDUAL, NORM_PLACES, THROUGH_TIME),
        *(ONNX_FROM_PYTORCH, ONNX_FROM_SCIKIT_LEARN),
        TORCH_PROFILE,
    }


@pytest.fixture
def example() -> SimpleNamespace:
    """Return all that torch_to_vanish.py defines and imports."""
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    return SimpleNamespace(**runpy.run_path(str(TORCH_TO_VANISH)))


def test_the_exported_network_has_the_gradients_that_pytorch_computes(
    example: SimpleNamespace, tmp_path: Path
) -> None:
    model = example.build().double()
    path = tmp_path / "network.npz"
    arrays, acts = example.export(model)
    np.savez(path, **arrays)
    x = np.random.default_rng(1).random((7, 64))
    profile = vanish.simulate(
        weights=read_network(str(path)), layer_acts=tuple(acts), input=vanish.Rows(x), loss="sum"
    )
    model(example.torch.from_numpy(x)).sum(dim=1).mean().backward()
    linear = [module for module in model if isinstance(module, example.nn.Linear)]
    assert len(profile.layers) == len(linear) == 10
    for layer, module in zip(profile.layers, linear, strict=True):
        weight, bias = module.weight.grad.norm().item(), module.bias.grad.norm().item()
        assert float(layer.grad_w) == pytest.approx(weight, rel=1e-10, abs=0.0)
        assert float(layer.grad_b) == pytest.approx(bias, rel=1e-10, abs=0.0)


def test_the_exporter_names_every_activation_that_pytorch_has_too(
    example: SimpleNamespace,
) -> None:
    nn = example.nn
    modules = [
        *(nn.Identity(), nn.Sigmoid(), nn.Tanh(), nn.ReLU(), nn.LeakyReLU(), nn.ELU(), nn.SELU()),
        *(nn.GELU(), nn.GELU(approximate="tanh"), nn.SiLU(), nn.Softplus(), nn.Softsign()),
        *(nn.Mish(), nn.Hardsigmoid(), nn.Hardtanh(), nn.ReLU6(), nn.Hardswish()),
        nn.LogSigmoid(),
    ]
    named = [example.activation_name(module) for module in modules]
    assert named == [name for name in activations.names() if name != "sin"]


def test_the_exporter_refuses_what_vanish_would_compute_differently(
    example: SimpleNamespace,
) -> None:
    nn = example.nn
    linear = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="parameters"):
        example.export(nn.Sequential(linear, nn.LeakyReLU(0.2)))
    with pytest.raises(ValueError, match="one activation each"):
        example.export(nn.Sequential(linear, nn.ReLU(), nn.Sigmoid()))
    with pytest.raises(vanish.VanishError, match="unknown activation 'Dropout'"):
        example.export(nn.Sequential(linear, nn.Dropout()))


@pytest.mark.slow
def test_torch_to_vanish_prints_the_gradients_of_the_network_on_the_digits(
    example: SimpleNamespace, tmp_path: Path
) -> None:
    arrays, acts = example.export(example.build())
    digits = vanish.Rows(example.load_digits().data[: example.ROWS] / 16.0)
    profile = vanish.simulate(weights=arrays, layer_acts=tuple(acts), input=digits)

    lines = output(sys.executable, TORCH_TO_VANISH, cwd=tmp_path)
    heading = next(line for line in lines if line.startswith("layer "))
    end = heading.index("‖∂L/∂W‖") + len("‖∂L/∂W‖")  # numbers stand at the right
    rows = [line for line in lines if re.match(r" +\d+ ", line)]
    assert [[line.split()[0], line[:end].split()[-1]] for line in rows] == [
        [str(layer.layer), short(layer.grad_w)] for layer in profile.layers
    ]
    assert profile.verdict is vanish.Verdict.VANISHING
    assert any(line.startswith("VANISHING. ") for line in lines)


def test_torch_to_vanish_says_in_one_line_that_torch_is_missing(tmp_path: Path) -> None:
    without_torch = (
        "import runpy, sys; sys.modules['torch'] = None;"
        f" runpy.run_path({str(TORCH_TO_VANISH)!r}, run_name='__main__')"
    )
    done = run(sys.executable, "-c", without_torch, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("No torch here: this example needs `pip install torch scikit-learn`\n")


@pytest.mark.slow
def test_python_api_prints_what_the_library_says(tmp_path: Path) -> None:
    lines = iter(output(sys.executable, PYTHON_API, cwd=tmp_path))

    sigmoid = vanish.simulate(act="sigmoid", layers=20)
    norms = [float(sigmoid.layers[k].grad_w) for k in (0, -1)]
    assert next(lines) == f"sigmoid: vanishing, {sigmoid.decades_per_layer:.2f} decades a layer"
    assert next(lines) == f"  ‖∂L/∂W‖ is {norms[0]:.3g} in layer 1, {norms[1]:.3g} in layer 20"
    assert next(lines) == f"  0.25^1000 is 0.0 as a float, and 10^{1000 * math.log10(0.25):.2f}"
    for act in ("tanh", "relu", "selu"):
        profile = vanish.simulate(act=act, layers=50)
        assert next(lines) == f"{act}: {profile.verdict}, log10 ratio {profile.log10_ratio:.2f}"
    assert next(lines) == "halving: ‖∂L/∂f‖ is 0.125 0.25 0.5 1.0"
    assert next(lines) == f"arctan: stable, log10 ratio {arctan_log10_ratio():.2f}"
    assert next(lines, None) is None


def arctan_log10_ratio() -> float:
    """Return the ratio of the example's own activation, by another formula for its slope."""
    record = vanish.Activation(
        name="arctan",
        pair=lambda a: (np.arctan(a), np.cos(np.arctan(a)) ** 2),
        sup_slope=1.0,
        sup_at=0.0,
        lower=-math.pi / 2,
        upper=math.pi / 2,
    )
    vanish.register(record)
    try:
        ratio = vanish.simulate(act="arctan").log10_ratio
    finally:
        activations.unregister("arctan")
    assert ratio is not None
    return ratio


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("40",)])
def test_compare_activations_tabulates_the_first_layers(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    heading, *rows = output("sh", COMPARE_ACTIVATIONS, *arguments, cwd=tmp_path)
    assert heading.split() == ["activation", "log10_grad_w", "vanishing"]
    verdicts = set()
    for row in rows:
        act, log10_grad_w, vanishing = row.split()
        profile = vanish.simulate(act=act, layers=int(*arguments or ("20",)))
        assert log10_grad_w == f"{profile.layers[0].grad_w.log10:.2f}"
        assert vanishing == ("yes" if profile.verdict is vanish.Verdict.VANISHING else "no")
        verdicts.add(vanishing)
    assert verdicts == {"yes", "no"}


def test_compare_activations_stops_at_an_error_and_shows_it(tmp_path: Path) -> None:
    done = run("sh", COMPARE_ACTIVATIONS, "0", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "Error: layers 0: give at least 1\n"


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("3",)])
def test_join_tables_has_a_line_a_layer_and_a_column_an_activation(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    lines = output("sh", JOIN_TABLES, *arguments, cwd=tmp_path)
    profiles = [
        vanish.simulate(act=act, layers=int(*arguments or ("20",)))
        for act in ("sigmoid", "tanh", "relu")
    ]
    assert lines[0] == "layer\tsigmoid\ttanh\trelu"
    assert lines[1:] == [
        "\t".join([str(k), *(str(profile.layers[k - 1].grad_w.log10) for profile in profiles)])
        for k in range(1, len(profiles[0].layers) + 1)
    ]


@pytest.mark.slow
def test_article_derives_its_gradient_and_prints_its_numbers(tmp_path: Path) -> None:
    lines = output("sh", ARTICLE, cwd=tmp_path)
    between = lines.index("", lines.index("") + 1)  # the first stands below the expression
    derivation, numbers = lines[:between], lines[between + 1 :]
    assert derivation[0] == "L = L(S(W₃S(W₂S(W₁x+b₁)+b₂)+b₃))"
    assert derivation[-1].split(" = ")[1] == "∂L/∂f₃ · ∂S/∂a₃ · W₃ · ∂S/∂a₂ · W₂ · ∂S/∂a₁ · ∂a₁/∂W₁"
    assert [line.split() for line in numbers] == [
        [act, str(layers), "slopes:", "at", "most", bound]
        for layers, sigmoid in ((1, "0.25"), (3, "0.015625"), (20, str(0.25**20)))
        for act, bound in (("sigmoid", sigmoid), ("relu", "1.0"))
    ]


DEPTHS = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30, 50, 100)


def deepest(**options: Any) -> int:
    """Return the last depth before the first at which the median of 50 chains vanishes."""
    profiles = (vanish.simulate(layers=depth, trials=50, **options) for depth in DEPTHS)
    verdicts = [profile.verdict for profile in profiles]
    vanishing = [*(verdict is vanish.Verdict.VANISHING for verdict in verdicts), True]
    return (0, *DEPTHS)[vanishing.index(True)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ([], {"act": "sigmoid"}),
        (["--act=tanh", "--weight-std=0.8"], {"act": "tanh", "weight_std": 0.8}),
    ],
)
def test_the_loop_finds_the_deepest_chain(
    options: list[str], settings: dict[str, Any], tmp_path: Path
) -> None:
    assert output("sh", DEEPEST_IN_A_LOOP, *options, cwd=tmp_path) == [str(deepest(**settings))]


@pytest.mark.slow
def test_the_sweep_finds_the_deepest_chain_of_each_activation(tmp_path: Path) -> None:
    lines = output("sh", DEEPEST_IN_ONE_SWEEP, "--act=sigmoid,tanh", "--width=8", cwd=tmp_path)
    assert lines == [f"{act} {deepest(act=act, width=8)}" for act in ("sigmoid", "tanh")]


def test_the_loop_ends_where_vanish_does(tmp_path: Path) -> None:
    done = run("sh", DEEPEST_IN_A_LOOP, "--act=foo", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: unknown activation 'foo'")


def cells(line: str) -> list[str]:
    """Return what stands between two or more blanks."""
    return re.split(r" {2,}", line.strip())


@pytest.mark.slow
def test_residual_networks_learn_at_depths_at_which_plain_ones_do_not(tmp_path: Path) -> None:
    _, *lines = output(sys.executable, RESIDUAL, cwd=tmp_path)
    rows = [cells(line) for line in lines]
    assert [row[:2] for row in rows] == [
        [block, str(depth)] for block in ("S(Wx+b)", "x + S(Wx+b)") for depth in (1, 4, 16)
    ]
    plain, residual = rows[2], rows[5]
    assert (plain[-1], residual[-1]) == ("chance", "learned")
    assert float(plain[2]) < 1e-8
    assert float(residual[2]) > 0.1
    # A single hidden layer takes 2 values and gives 32: the block is not in it.
    assert rows[0][1:] == rows[3][1:]
    row = vanish.train(block="residual", act="sigmoid", layers=4, epochs=20).row()
    assert rows[4][3:] == [
        f"{row['change_first']:.2g}",
        f"{100 * float(row['test_accuracy'] or 0.0):.1f}",
        row["outcome"],
    ]


@pytest.mark.slow
def test_a_norm_rescues_the_sigmoid_behind_it(tmp_path: Path) -> None:
    _, *lines = output(sys.executable, NORM_PLACES, cwd=tmp_path)
    found = {place: rest for place, *rest in map(cells, lines)}
    assert {place: tuple(rest[-2:]) for place, rest in found.items()} == {
        "none": ("vanishing", "chance"),
        "LN before S": ("vanishing", "chance"),
        "LN behind S": ("stable", "learned"),
        "RMS before S": ("vanishing", "chance"),
        "RMS behind S": ("vanishing", "chance"),
    }
    for block, a_layer, *_ in found.values():
        ratio = vanish.simulate(act="sigmoid", layers=20, block=block).log10_ratio
        assert ratio is not None
        assert a_layer == f"{10 ** (ratio / 19):.3f}"
    # What an infinitely wide network multiplies ‖∂L/∂f‖² by, THEORY §6.
    assert float(found["LN before S"][1]) ** 2 == pytest.approx(0.153, rel=0.1)
    assert float(found["LN behind S"][1]) ** 2 == pytest.approx(1.034, rel=0.1)


@pytest.mark.slow
def test_through_time_keeps_to_the_conditions_of_pascanu(tmp_path: Path) -> None:
    _, _, _, *lines = output(sys.executable, THROUGH_TIME, cwd=tmp_path)
    rows = [cells(line) for line in lines]
    assert [row[0] for row in rows] == ["one", "new ones"] * 3
    for _, norm, first, *_, says, verdict in rows:
        if float(norm) < 1.0:
            # 0.01: the norm is printed with two digits.
            assert float(first) <= (float(norm) + 0.01) ** 99
            assert (says, verdict) == ("must vanish", "vanishing")
        else:
            assert says == "may explode"
    assert [row[-1] for row in rows[::2]] == ["vanishing", "vanishing", "exploding"]
    shared = vanish.Simulation(
        vanish.Settings(
            block="rnn", act="tanh", layers=100, weight_std=(("W", 0.4), ("U", 0.1)), seed=0
        )
    )
    entries = shared.chain.matrices(1)[0].multiplied_out()
    assert rows[0][1] == f"{np.linalg.norm(entries, 2):.2f}"


def of_onnx(script: Path, *needed: str) -> SimpleNamespace:
    """Return all that a script defines, where what it needs is installed."""
    for name in ("onnx", *needed):
        pytest.importorskip(name)
    return SimpleNamespace(**runpy.run_path(str(script)))


@pytest.mark.slow
def test_a_network_from_pytorch_has_its_gradients(tmp_path: Path) -> None:
    example = of_onnx(ONNX_FROM_PYTORCH, "torch", "onnxscript")
    model, path = example.build(), tmp_path / "network.onnx"
    # The exporter writes vectors that are alike once.
    for name, parameter in model.named_parameters():
        if "norm" in name:
            example.nn.init.normal_(parameter, 1.0, 0.1)
    example.export(model, path)
    x = np.random.default_rng(1).standard_normal((7, example.FEATURES))
    network = vanish.load(path)
    assert network.origin is not None
    profile = vanish.simulate(weights=network, input=vanish.Rows(x), loss="sum")
    model = model.double()
    model(example.torch.from_numpy(x)).sum(dim=1).mean().backward()
    named = dict(model.named_parameters())
    assert len(profile.layers) == 2 + 2 * example.BLOCKS
    for layer, name in zip(profile.layers, network.origin.weights, strict=True):
        # The file's ε has the digits of float32.
        assert float(layer.grad_w) == pytest.approx(named[name].grad.norm().item(), rel=1e-6)
    norms = profile.measured.parameters["1.norm.weight"]
    (gamma,) = norms.at((slice(None), 0)).listed()
    assert float(gamma) == pytest.approx(named["1.norm.weight"].grad.norm().item(), rel=1e-6)


@pytest.mark.slow
def test_a_network_from_scikit_learn_has_the_gradients_it_was_trained_with(tmp_path: Path) -> None:
    example = of_onnx(ONNX_FROM_SCIKIT_LEARN, "torch", "skl2onnx")
    torch = pytest.importorskip("torch")
    model, x, classes = example.trained("logistic", 3)
    example.exported(model, x, tmp_path / "network.onnx")
    network = vanish.load(tmp_path / "network.onnx")
    target = vanish.Rows(classes[:, None])
    rows = vanish.Rows(x)
    profile = vanish.simulate(weights=network, input=rows, loss="cross_entropy", target=target)
    scaler, chain = model.steps[0][1], model.steps[1][1]
    value = torch.tensor(scaler.transform(x).astype(np.float64))
    weights = [torch.tensor(each.astype(np.float64), requires_grad=True) for each in chain.coefs_]
    for k, (weight, bias) in enumerate(zip(weights, chain.intercepts_, strict=True)):
        value = value @ weight + torch.tensor(bias.astype(np.float64))
        value = value if k == len(weights) - 1 else torch.sigmoid(value)
    torch.nn.functional.cross_entropy(value, torch.tensor(classes)).backward()
    for layer, weight in zip(profile.layers, weights, strict=True):
        assert float(layer.grad_w) == pytest.approx(weight.grad.norm().item(), rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("script", [ONNX_FROM_PYTORCH, ONNX_FROM_SCIKIT_LEARN])
def test_what_exports_prints_a_row_a_matrix(script: Path, tmp_path: Path) -> None:
    of_onnx(script, *(("torch", "onnxscript") if script == ONNX_FROM_PYTORCH else ("skl2onnx",)))
    lines = [line for line in output(sys.executable, script, cwd=tmp_path) if "‖∂L/∂W‖" not in line]
    assert "stable" in lines[-1] if script == ONNX_FROM_PYTORCH else "relu" in lines[-1]


@pytest.mark.slow
def test_torch_profile_shows_what_skips_do_and_which_weight_is_at_fault(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    lines = output(sys.executable, TORCH_PROFILE, cwd=tmp_path)
    found = [line.split(". ")[0] for line in lines if line.partition(".")[0].isupper()]
    assert found == ["VANISHING", "STABLE", "VANISHING"]
    assert sum(line.split()[1:2] == ["1.{0-11}.conv"] for line in lines) == 2
    assert lines[-2] == "At fault: 8"
    assert "W5 multiplies the signal by " in lines[-1]
    assert "Rescale W5. " in lines[-1]


def test_torch_profile_says_in_one_line_that_torch_is_missing(tmp_path: Path) -> None:
    code = (
        "import runpy, sys; sys.modules['torch'] = None;"
        f" runpy.run_path({str(TORCH_PROFILE)!r}, run_name='__main__')"
    )
    done = run(sys.executable, "-c", code, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "No torch here: this example needs `pip install torch`\n"
