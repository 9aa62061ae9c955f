"""Networks of blocks in files: written, read back, judged by autograd from the file alone."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from arrayfile import npz
from command import run_in_process
from oracles import pytorch

import vanish
from vanish.errors import UsageError, VanishError
from vanish.files.networks import read_network, write_network
from vanish.network.arrays import Network
from vanish.network.blockarrays import BlockNetwork
from vanish.network.formulas.named import NAMED
from vanish.simulation.run import Simulation
from vanish.simulation.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vanish.numbers.scaled import FloatArray

BLOCKS = NAMED.names()
TIED = ("rnn",)


def normal(*shape: int) -> FloatArray:
    return np.random.default_rng(shape).standard_normal(shape)


def settings_of(**options: Any) -> Settings:
    return Settings(**options)


def saved(settings: Settings) -> bytes:
    stream = io.BytesIO()
    write_network(stream, Simulation(settings), "net.npz")
    return stream.getvalue()


def table(*options: str) -> list[dict[str, str]]:
    result = run_in_process(*options, "--format=tsv", "--quiet")
    assert result.status == 0, result.stderr
    head, *rows = [line.split("\t") for line in result.stdout.decode().splitlines()]
    return [dict(zip(head, row, strict=True)) for row in rows]


# What a network that is given does not tell.
SILENT = (
    "init",
    "log10_predicted",
    "log10_predicted_b",
    "log10_predicted_f",
    "log10_predicted_rms_a",
)


def check_alike(first: list[dict[str, str]], second: list[dict[str, str]]) -> None:
    """Compare what was drawn with what the file has, whose weights are multiplied out."""
    for row, again in zip(first, second, strict=True):
        for name, cell in row.items():
            if name in SILENT:
                continue
            try:
                expected = float(cell)
            except ValueError:
                assert again[name] == cell, name
            else:
                # Behind BN ∂L/∂b is zero, but for rounding.
                if name == "log10_grad_b" and max(expected, float(again[name])) < -14.0:
                    continue
                assert float(again[name]) == pytest.approx(expected, rel=1e-11, abs=1e-12), name


def check_round_trip(directory: Path, *options: str, kept: tuple[str, ...] = ()) -> None:
    paths = [str(directory / f"{name}.npz") for name in "abc"]
    kept = ("--act=tanh", *kept)
    first = table(*kept, *options, f"--save-weights={paths[0]}")
    second = table(*kept, f"--weights={paths[0]}", f"--save-weights={paths[1]}")
    third = table(*kept, f"--weights={paths[1]}", f"--save-weights={paths[2]}")
    check_alike(first, second)
    assert third == second
    contents = [Path(path).read_bytes() for path in paths]
    assert contents[0] == contents[1] == contents[2]


@pytest.mark.slow
@pytest.mark.parametrize("bias_std", [0.0, 0.3])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("block", BLOCKS)
def test_a_saved_network_gives_the_same_profile(
    tmp_path: Path, block: str, batch: int, bias_std: float
) -> None:
    rows = max(batch, 2) if block == "batchnorm" else batch
    check_round_trip(
        tmp_path,
        *(f"--block={block}", f"--batch={rows}", f"--bias-std={bias_std}"),
        *("--layers=4", "--width=5"),
    )


@pytest.mark.parametrize("block", [block for block in BLOCKS if block not in TIED])
def test_layers_of_several_sizes_come_back(tmp_path: Path, block: str) -> None:
    check_round_trip(
        tmp_path, f"--block={block}", "--widths=6,4,4,4,5,5,2", "--batch=3", "--bias-std=0.2"
    )


@pytest.mark.parametrize(
    "options",
    [
        ("--block=bottleneck", "--hidden=4x"),
        ("--block=x + V S(Wx+b)", "--hidden=3"),
        ("--block=x + V~ S(Wx+b)", "--hidden=3"),
        ("--block=S(W~x+b)",),
        ("--block=x + 0.5 S(W S(V x) + c) + d",),
        ("--block=S(Wx + u + b~)",),
        ("--block=x + V S(W LN(x) + U u + b) + c", "--hidden=7"),
        ("--block=S(Wx) + S(Wx + b)", "--gain=0.3"),
        ("--block=prenorm", "--loss=sum"),
        ("--block=rnn", "--loss=mse"),
    ],
)
def test_any_block_comes_back(tmp_path: Path, options: tuple[str, ...]) -> None:
    has_bias = "b" in options[0].removeprefix("--block") or "c" in options[0]
    kept = tuple(each for each in options if each.startswith("--loss"))
    check_round_trip(
        tmp_path,
        *(each for each in options if each not in kept),
        *("--layers=3", "--width=5", "--batch=2"),
        *(("--bias-std=0.4",) if has_bias else ()),
        kept=kept,
    )


@pytest.mark.parametrize("batch", [1, 3])
def test_inputs_of_steps_come_back(tmp_path: Path, batch: int) -> None:
    np.save(steps := tmp_path / "steps.npy", normal(4, 2))
    options = (f"--steps={steps}", "--block=rnn", "--layers=4", "--width=5", f"--batch={batch}")
    check_round_trip(tmp_path, *options)
    with np.load(tmp_path / "a.npz") as arrays:
        assert np.array_equal(arrays["u"], normal(4, 2))


def test_a_file_has_every_parameter_by_its_name() -> None:
    def shapes(**options: Any) -> dict[str, tuple[int, ...]]:
        with np.load(io.BytesIO(saved(settings_of(act="tanh", **options)))) as arrays:
            return {name: arrays[name].shape for name in arrays.files}

    assert shapes(block="postnorm", layers=2, width=3, hidden=4, bias_std=1.0, batch=2) == (
        {"x": (2, 3), "r": (3,), "block": (), "layers": ()}
        | {"W1": (4, 3), "b1": (4,), "V1": (3, 4), "c1": (3,)}
        | {"W2": (4, 3), "b2": (4,), "V2": (3, 4), "c2": (3,)}
    )
    assert shapes(block="rnn", layers=6, width=3, hidden=2, batch=4, loss="mse") == (
        {"x": (4, 3), "W": (3, 3), "U": (3, 2), "u": (6, 4, 2), "block": (), "layers": ()}
    )
    # What goes into layers of several sizes is no one array.
    assert shapes(block="S(Wx+u)", widths=(3, 4, 2), batch=2) == (
        {"x": (2, 3), "r": (2,), "W1": (4, 3), "W2": (2, 4), "block": (), "layers": ()}
        | {"u1": (2, 4), "u2": (2, 2)}
    )
    # A plain chain's file stays what it was.
    assert [*shapes(widths=(3, 4, 2), bias_std=1.0)] == ["x", "r", "W1", "b1", "W2", "b2"]


def test_a_weight_beyond_float64_is_named() -> None:
    with pytest.raises(VanishError, match=r"^net\.npz: [VW]1 exceeds float64: give a smaller gain"):
        saved(settings_of(act="tanh", block="prenorm", layers=1, width=2, gain=1.7e308))


# --- judged from the file alone ---


def residual(torch: Any, p: Mapping[str, Any], k: int, f: Any) -> Any:
    return f + torch.tanh(f @ p[f"W{k}"].T + p[f"b{k}"])


def prenorm(torch: Any, p: Mapping[str, Any], k: int, f: Any) -> Any:
    centred = f - f.mean(dim=1, keepdim=True)
    normed = centred / centred.square().mean(dim=1, keepdim=True).sqrt()
    return f + torch.tanh(normed @ p[f"W{k}"].T + p[f"b{k}"]) @ p[f"V{k}"].T


def rnn(torch: Any, p: Mapping[str, Any], k: int, f: Any) -> Any:
    return torch.tanh(f @ p["W"].T + p["u"][k - 1] @ p["U"].T + p["b"])


LAYERS = {"residual": residual, "prenorm": prenorm, "rnn": rnn}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("block", [*LAYERS])
def test_another_reader_gets_the_same_gradients(block: str, batch: int) -> None:
    torch = pytorch()
    options: dict[str, Any] = {"hidden": 7} if block != "residual" else {}
    settings = settings_of(
        act="tanh", block=block, layers=6, width=5, batch=batch, bias_std=0.3, **options
    )
    with np.load(io.BytesIO(saved(settings))) as arrays:
        texts = {name: arrays[name] for name in ("block", "layers")}
        p = {
            name: torch.tensor(arrays[name], requires_grad=True)
            for name in arrays.files
            if name not in texts
        }
    assert texts["block"].dtype.kind == "U"
    assert str(texts["block"]) == settings.block
    f = p["x"]
    for k in range(1, int(texts["layers"]) + 1):
        f = LAYERS[block](torch, p, k, f)
    (f @ p["r"]).mean().backward()
    found = vanish.simulate(settings).gradients
    for name, array in p.items():
        if name == "r":
            continue
        right = array.grad.numpy()
        steps = [found[f"u{k}"] for k in range(1, 7)] if name == "u" else []
        mine = np.reshape(steps, right.shape) if steps else found[name]
        assert np.linalg.norm(mine - right) <= 1e-10 * np.linalg.norm(right), name
    if block == "rnn":
        parts = sum(found[f"W{k}"] for k in range(1, 7))
        assert np.allclose(parts, found["W"], rtol=1e-12, atol=0.0)


def test_every_value_and_parameter_of_a_block_has_its_gradient() -> None:
    found = vanish.simulate(
        act="tanh", block="x + V S(W LN(x) + U~u + b) + c", layers=2, width=3, batch=2
    ).gradients
    own = ["U", "V", "W", "b", "c", "w", "u", "a", "v", "f"]
    assert {*found} == {f"{name}{k}" for k in (1, 2) for name in own} | {"U", "x"}
    assert found["U"].shape == (3, 3)
    assert found["u2"].shape == (2, 3)
    with pytest.raises(KeyError):
        found["V"]


# --- what fits, and what does not ---

BOTTLENECK = {
    "W1": normal(6, 4),
    "V1": normal(4, 6),
    "W2": normal(3, 4),
    "V2": normal(4, 3),
    "b2": normal(3),
}
RNN = {"W": normal(4, 4), "U": normal(4, 2), "b": normal(4)}
RESIDUAL = {"W1": normal(4, 4), "W2": normal(4, 4), "b1": normal(4)}


def but(arrays: Mapping[str, Any], *without: str, **others: Any) -> dict[str, Any]:
    return {name: each for name, each in arrays.items() if name not in without} | others


REFUSED = [
    (but(BOTTLENECK, "W2"), "bottleneck", "W2 is missing: x + V S(Wx+b) has one in every layer"),
    (but(BOTTLENECK, "V2"), "x + V~ S(Wx)", "V1, but all layers of x + V~ S(Wx) share V: give V"),
    (but(BOTTLENECK, "V1"), "bottleneck", "W1 has 6 outputs, but W2 takes 4 inputs: give W1 4 rows"
     ", or V1, which is not there"),
    (but(BOTTLENECK, V2=normal(4, 5)), "bottleneck", "V2 takes 5 inputs, but W2 has 3 outputs: give"
     " V2 3 columns"),
    (but(BOTTLENECK, V1=normal(5, 6)), "bottleneck", "V1 has 5 outputs, but W1 takes 4 inputs: give"
     " V1 4 rows"),
    (but(BOTTLENECK, b1=normal(5)), "bottleneck", "b1 has 5 entries, but W1 has 6 outputs: give b1"
     " 6 entries"),
    (but(BOTTLENECK, Q2=normal(4, 5)), "bottleneck", "Q2, but layer 2 is x + V S(Wx+b), which has"
     " no Q"),
    (but(BOTTLENECK, c2=normal(4)), "bottleneck", "c2, but layer 2 is x + V S(Wx+b), which has"
     " no c"),
    (but(BOTTLENECK, Q=normal(4, 4)), "bottleneck", "Q, but x + V S(Wx+b) has no Q"),
    (but(BOTTLENECK, W=normal(4, 4)), "bottleneck", "W without a number, but every layer of"
     " x + V S(Wx+b) has its own: give W1, W2"),
    (BOTTLENECK, None, "V1, but layer 1 is S(Wx+b), which has no V: leave it out, or give its"
     " block"),
    (but(BOTTLENECK, **{"fc.weight": normal(4, 4)}), "bottleneck", "'fc.weight' is no parameter of"
     " a block"),
    (but(BOTTLENECK, L1=normal(4, 4)), "bottleneck", "'L1' is no parameter of a block"),
    (but(BOTTLENECK, W01=normal(4, 4)), "bottleneck", "'W01' is no parameter of a block"),
    (RNN, "rnn", "all layers share its parameters, and nothing says how many there are: give"
     " layers"),
    (but(RNN, u=normal(7, 3, 2), x=normal(2, 4)), "rnn", "u of 3 rows for a batch of 2"),
    (but(RNN, u=normal(7, 3)), "rnn", "U takes 2 inputs in layer 1, but u1 has 3 numbers"),
    (but(RNN, u=normal(7, 2), layers=5), "rnn", "u6 beside 5 layers: leave it out"),
    (but(RNN, u3=normal(2)), "rnn", "u1 is missing: give every layer's, or none"),
    (but(RNN, u3=normal(2), u=normal(3, 2)), "rnn", "u and u3: give one of them"),
    (but(RNN, u=normal(2)), "rnn", "u has shape (2,): give (N, n_u) or (N, B, n_u)"),
    (but(RNN, W=normal(4, 5), layers=3), "rnn", "W takes 5 inputs in layer 2, but b has 4 entries"
     " in layer 1: give W 4 columns"),
    (but(RNN, "b", W=normal(4, 5), layers=3), "S(W~x)", "U, but S(W~x) has no U"),
    ({"W": normal(4, 5), "layers": 3}, "S(W~x)", "W has 4 outputs in layer 1 and takes 5 inputs in"
     " layer 2, which S(W~x) makes one size: give W as many rows as columns"),
    ({"W": normal(4, 5), "layers": 1}, "x + S(W~x)", "W takes 5 inputs in layer 1 and has 4 outputs"
     " in layer 1, which x + S(W~x) makes one size"),
    (but(RNN, W1=normal(4, 4), layers=3), "rnn", "W1, but all layers of S(W~x + U~u + b~) share W"),
    (but(RESIDUAL, u=normal(2, 4)), "residual", "u, but x + S(Wx+b) has no u"),
    (but(RESIDUAL, block="x + Q("), None, "block 'x + Q(^', character 7: something is missing"),
    (but(RESIDUAL, block=3), None, "block is no text: give one such as 'x + S(Wx+b)'"),
    (but(RESIDUAL, block="residual", layers=0), None, "layers is no number of layers"),
    (but(RESIDUAL, block="residual", layers=1.0), None, "layers is no number of layers"),
    (but(RESIDUAL, block="residual", layers=3), None, "W3 is missing"),
    (but(RESIDUAL, block="residual", layers=1), None, "W2 beside 1 layer: leave it out"),
    (but(RESIDUAL, x=normal(1, 5)), "residual", "x has rows of 5 numbers, but W1 takes 4 inputs:"
     " give x rows of 4 numbers"),
    (but(RESIDUAL, r=normal(5)), "residual", "r has 5 entries, but W1 takes 4 inputs: give r 4"
     " entries"),
    (but(RESIDUAL, W1=normal(4)), "residual", "W1 has shape (4,): give (n_out, n_in)"),
    (but(RESIDUAL, W2=np.full((4, 4), np.nan)), "residual", "W2: entry 1, 1 is nan"),
    ({}, "residual", "no parameters in it"),
    ({"block": "S(x - LN(x))", "layers": 2}, None, "no array says how many values layer 1 takes"),
]  # fmt: skip


@pytest.mark.parametrize(("arrays", "block", "says"), REFUSED)
def test_what_does_not_fit_is_told_by_letter_and_layer(
    arrays: dict[str, Any], block: str | None, says: str
) -> None:
    given = {} if block is None else {"block": block}
    with pytest.raises(UsageError) as caught:
        Simulation(settings_of(act="tanh", weights=arrays, **given))
    message = str(caught.value)
    assert message.startswith(f"arrays: {says}")
    assert "\n" not in message


def test_a_file_that_does_not_fit_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "net.npz").write_bytes(npz(**but(BOTTLENECK, "W2")))
    result = run_in_process("--block=bottleneck", f"--weights={tmp_path / 'net.npz'}")
    assert (result.status, result.stdout) == (2, b"")
    assert result.stderr.count(b"\n") == 1
    assert b"net.npz: W2 is missing" in result.stderr


def test_parameters_without_their_block_ask_for_it(tmp_path: Path) -> None:
    (tmp_path / "net.npz").write_bytes(npz(**BOTTLENECK))
    result = run_in_process(f"--weights={tmp_path / 'net.npz'}")
    assert result.status == 2
    assert b"'V1' is neither a weight nor a bias by its name" in result.stderr
    assert b"give the block that it belongs to" in result.stderr


def strange_text() -> bytes:
    """Return a file whose block is no character of any alphabet."""
    content = npz(W1=np.eye(2), block="@")
    return content.replace(b"@\0\0\0", b"\xff\xff\xff\x7f")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (npz(W1=np.eye(2), block=np.array("x", dtype=object)), "pickled objects"),
        (npz(W1=np.eye(2), block=np.array(["x", "x"])), "block is no text"),
        (npz(W1=np.eye(2), block=np.array(b"residual")), "block is no text"),
        (npz(W1=np.eye(2), block=""), "block '^'"),
        (npz(W1=np.eye(2), block="\x1b[31m\n" * 9), "block '"),
        (npz(W1=np.eye(2), block="x + " * 9999), "block '"),
        (npz(W1=np.eye(2), block="residul"), "unknown block 'residul'"),
        (npz(W1=np.eye(2), block="residual", layers=np.array([1, 1])), "layers is no number"),
        (npz(W1=np.eye(2), block="residual", layers=10**18), "layers is no number"),
        (npz(W1=np.eye(2), block="rnn", u=np.float64(1.0)), "u has shape ()"),
        (npz(W1=np.array("W1"), block="residual"), "W1: entries of type <U2"),
        (npz(W1=np.eye(2), W99999999999999999999=np.eye(2), block="x"), "'W9999"),
        (npz(W1=np.eye(2), block="x + \ud800"), "block 'x + ^"),
        (strange_text(), "damaged .npz file"),
    ],
)
def test_damaged_files_are_one_line(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "net.npz").write_bytes(content)
    result = run_in_process("--act=tanh", f"--weights={tmp_path / 'net.npz'}")
    message = result.stderr.decode()
    assert (result.status, result.stdout) == (2, b"")
    assert message.startswith("Error: ")
    assert message.count("\n") == 1
    assert message[:-1].isprintable()
    assert says in message


def test_text_of_no_characters_is_no_block() -> None:
    array = np.frombuffer(b"\xff\xff\xff\x7f", "<U1").reshape(())
    with pytest.raises(UsageError, match=r"^arrays: block is no text"):
        BlockNetwork({"W1": np.eye(2), "block": array})


def test_a_block_beside_a_file_that_has_one_must_be_the_same() -> None:
    arrays = but(RESIDUAL, block="residual")
    expected = vanish.simulate(act="tanh", weights=RESIDUAL, block="residual").log10_ratio
    alike: list[dict[str, Any]] = [{}, {"block": "residual"}, {"block": "x+S(W x + b)"}]
    for same in alike:
        assert vanish.simulate(act="tanh", weights=arrays, **same).log10_ratio == expected
    for other in ("plain", "S(Wx+b)", "x + 0.5 S(Wx+b)", "prenorm"):
        with pytest.raises(UsageError, match=r"is of 'x \+ S\(Wx\+b\)': leave out block$"):
            settings_of(act="tanh", weights=arrays, block=other)


def test_settings_say_the_block_of_the_file() -> None:
    settings = settings_of(act="tanh", weights=but(RNN, u=normal(7, 2), block="rnn"))
    assert settings.as_dict()["block"] == "S(W~x + U~u + b~)"
    assert settings.as_dict()["layers"] == 7
    assert settings.model.sizes == (4,) * 8
    assert settings_of().block == settings_of(weights=[np.eye(2)]).block == "S(Wx+b)"
    with pytest.raises(UsageError, match="hidden beside weights"):
        settings_of(act="tanh", weights=but(RNN, u=normal(7, 2), block="rnn"), hidden=2)


@pytest.mark.parametrize("block", ["residual", "layernorm", "rmsnorm", "residual_scaled"])
def test_a_plain_chains_arrays_may_be_a_blocks(tmp_path: Path, block: str) -> None:
    arrays = [normal(4, 4), normal(4, 4)]
    by_name = {"W1": arrays[0], "W2": arrays[1]}
    (tmp_path / "net.npz").write_bytes(
        npz(**{"net.0.weight": arrays[0], "net.2.weight": arrays[1]})
    )
    read = read_network(str(tmp_path / "net.npz"), beside_block=True)
    assert isinstance(read, Network)
    found = [
        vanish.simulate(act="tanh", weights=each, block=block).log10_ratio
        for each in (arrays, by_name, Network(tuple(arrays)), read)
    ]
    assert len({*found}) == 1


def test_a_plain_chains_layout_is_found_beside_a_block(tmp_path: Path) -> None:
    weights = [normal(6, 4), normal(6, 6)]
    np.savez(tmp_path / "net.npz", W1=weights[0].T, W2=weights[1].T, b1=normal(6))
    read = read_network(str(tmp_path / "net.npz"), beside_block=True)
    own = vanish.simulate(act="tanh", weights=read, block="residual")
    other = vanish.simulate(
        act="tanh", weights={"W1": weights[0], "W2": weights[1], "b1": normal(6)}, block="residual"
    )
    assert read.layout == "in_out"
    assert own.log10_ratio == pytest.approx(other.log10_ratio, rel=1e-13)
    assert own.settings.model.graph.block(1) != own.settings.model.graph.block(2)


def test_missing_biases_are_zero() -> None:
    ratios = {
        vanish.simulate(act="tanh", weights=arrays, block="bottleneck").log10_ratio
        for arrays in (
            but(BOTTLENECK, "b2"),
            but(BOTTLENECK, b1=np.zeros(6), b2=np.zeros(3)),
        )
    }
    assert len(ratios) == 1


def test_layers_say_how_often_shared_parameters_are_used() -> None:
    by_file, by_setting = (
        vanish.simulate(act="tanh", **options)
        for options in (
            {"weights": but(RNN, block="rnn", layers=5)},
            {"weights": RNN, "block": "rnn", "layers": 5},
        )
    )
    assert by_file.log10_ratio == by_setting.log10_ratio
    assert len(by_file.layers) == 5
    with pytest.raises(UsageError, match="layers beside weights"):
        settings_of(act="tanh", weights=but(RNN, block="rnn", layers=5), layers=5)


def test_a_file_that_says_it_has_a_billion_layers_takes_no_memory() -> None:
    settings = settings_of(act="tanh", weights=but(RNN, block="rnn", layers=10**12))
    with pytest.raises(
        VanishError,
        match=r"a chain of 1,000,000,000,000 layers, each of which takes .* needs more than",
    ):
        vanish.simulate(settings)


def test_a_drawn_batch_brings_inputs_of_its_own() -> None:
    arrays = but(RNN, block="rnn", x=normal(3, 4), u=normal(5, 3, 2))
    assert vanish.simulate(act="tanh", weights=arrays).settings.rows == 3
    drawn = vanish.simulate(act="tanh", weights=arrays, batch=2)
    assert drawn.gradients["u1"].shape == (2, 2)
    fixed = vanish.simulate(act="tanh", weights=but(arrays, u=normal(5, 2)), batch=2)
    assert fixed.gradients["u1"].shape == (2, 2)
    assert fixed.log10_ratio != drawn.log10_ratio
    own = vanish.simulate(act="tanh", weights=arrays, steps=normal(5, 2), batch=2)
    assert own.log10_ratio == fixed.log10_ratio


def test_arrays_by_name_are_taken_wherever_networks_are(tmp_path: Path) -> None:
    settings = settings_of(act="tanh", block="prenorm", layers=3, width=4, bias_std=0.1)
    (tmp_path / "net.npz").write_bytes(saved(settings))
    with np.load(tmp_path / "net.npz") as arrays:
        opened = vanish.simulate(act="tanh", weights=arrays)
        (row,) = vanish.sweep(act=["tanh"], weights=arrays)
        pair = vanish.sweep(act=["tanh"], weights=[dict(arrays), but(arrays, "b1")])
    read = read_network(str(tmp_path / "net.npz"))
    assert isinstance(read, BlockNetwork)
    assert read.name.endswith("net.npz")
    assert opened.log10_ratio == vanish.simulate(act="tanh", weights=read).log10_ratio
    assert row["log10_ratio"] == opened.log10_ratio
    assert row["block"] == settings.block
    assert pair[0]["log10_ratio"] == opened.log10_ratio != pair[1]["log10_ratio"]
    again = pickle.loads(pickle.dumps(read))
    assert vanish.simulate(act="tanh", weights=again).log10_ratio == opened.log10_ratio


def test_sweeps_tell_networks_of_blocks_apart() -> None:
    variants = [
        RNN | {"block": "rnn", "layers": 3},
        RNN | {"block": "rnn", "layers": 4},
        RNN | {"block": "S(W~x + 0.5 U~u + b~)", "layers": 3},
        but(RNN, "b", c=RNN["b"], block="S(W~x + U~u + c~)", layers=3),
        RNN | {"block": "rnn", "u": normal(3, 2)},
        RNN | {"block": "rnn", "u": normal(3, 1, 2)},
    ]
    prints = {vanish.Grid({"weights": [BlockNetwork(each)]}).fingerprint() for each in variants}
    assert len(prints) == len(variants)
