"""Figures: what is drawn, that it can be told apart, and the files they become."""

from __future__ import annotations

import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import environment, run, run_in_process
from matplotlib.colors import to_rgb

from vanish import Rows, Settings, activations, compare, simulate
from vanish.render.figure import activation_figure, gradient_figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from vanish import Profile

MAGIC = {
    "png": b"\x89PNG\r\n\x1a\n",
    "svg": b"<?xml version",
    "pdf": b"%PDF-1.",
}
COMMANDS = {
    "simulation": "--act sigmoid,relu --layers 5 --width 8 --format tsv --quiet",
    "acts": "acts sigmoid tanh relu --format tsv",
}


def profiles(acts: Sequence[str], **options: Any) -> list[Profile]:
    return list(compare(Settings(**{"act": act, **options}) for act in acts))


def data_lines(axes: Axes) -> tuple[list[Line2D], list[Line2D]]:
    """Return the solid lines, which are measured, and the dashed ones, which are bounds."""
    kinds: dict[str, list[Line2D]] = {"-": [], "--": []}
    for line in axes.lines:
        kinds[str(line.get_linestyle())].append(line)
    return kinds["-"], kinds["--"]


def points(line: Line2D) -> tuple[list[float], list[float]]:
    return np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist()


def texts(figure: Figure) -> list[str]:
    """Return all that is written in a figure, ticks aside."""
    found = []
    for axes in figure.axes:
        found += [axes.get_xlabel(), axes.get_ylabel(), axes.get_title()]
        if (legend := axes.get_legend()) is not None:
            found += [legend.get_title().get_text(), *(t.get_text() for t in legend.get_texts())]
    return found


# Gradients.


def test_a_line_is_the_gradient_by_layer_and_a_dashed_one_its_bound() -> None:
    found = profiles(["sigmoid", "relu", "gelu"], layers=7, width=8)
    (axes,) = gradient_figure(found).axes
    measured, bounds = data_lines(axes)
    for profile, line, bound in zip(found, measured, bounds, strict=True):
        layers = list(range(1, 8))
        assert points(line) == (layers, [layer.grad_w.log10 for layer in profile.layers])
        assert points(bound) == (layers, [layer.slope_bound.log10 for layer in profile.layers])
        assert line.get_label() == profile.settings.act_name
        assert bound.get_color() == line.get_color()


def test_magnitudes_beyond_float64_are_drawn() -> None:
    (axes,) = gradient_figure(profiles(["sigmoid"], layers=700, width=4)).axes
    (line,), _ = data_lines(axes)
    assert points(line)[1][0] < -400.0
    assert axes.get_ylim()[0] < -400.0


def test_a_gradient_is_labelled_in_the_articles_symbols() -> None:
    written = texts(gradient_figure(profiles(["sigmoid", "relu"], layers=3, width=4)))
    assert any("layer $k$" in text for text in written)
    assert any(r"\partial L/\partial W_k" in text and r"\log_{10}" in text for text in written)
    assert any("dashed" in text and r"\sup|S^{\prime}|" in text for text in written)
    assert {"sigmoid", "relu"} <= set(written)


def test_initialisers_are_told_apart_and_share_their_bound() -> None:
    found = [
        simulate(act="tanh", init=init, layers=3, width=4) for init in ("he_normal", "orthogonal")
    ]
    figure = gradient_figure(found)
    assert {"tanh, he_normal", "tanh, orthogonal"} <= set(texts(figure))
    measured, bounds = data_lines(figure.axes[0])
    assert (len(measured), len(bounds)) == (2, 1)


def test_dead_layers_are_crosses_on_the_lower_edge() -> None:
    dead, alive = profiles(["relu", "leaky_relu"], layers=8, width=2)
    zero = [layer.layer for layer in dead.layers if not layer.grad_w]
    figure = gradient_figure([dead, alive])
    (axes,) = figure.axes
    (crosses,) = axes.collections
    offsets = np.asarray(crosses.get_offsets())
    assert offsets[:, 0].tolist() == zero
    figure.canvas.draw()
    height = crosses.get_offset_transform().transform(offsets)[:, 1]
    assert ((height >= axes.bbox.y0) & (height < axes.bbox.y0 + 0.1 * axes.bbox.height)).all()
    (line, _), _ = data_lines(axes)
    assert np.isnan(points(line)[1])[[k - 1 for k in zero]].all()
    colours = np.asarray(crosses.get_edgecolor())[:, :3]
    assert set(map(tuple, colours.tolist())) == {to_rgb(line.get_color())}
    assert "exactly 0" in texts(gradient_figure([dead]))
    assert "exactly 0" not in texts(gradient_figure([alive]))


def test_a_chain_that_is_dead_everywhere_is_drawn_too() -> None:
    zeros = Rows(np.zeros((1, 2)))
    found = simulate(act="identity", layers=3, width=2, loss="mse", input=zeros)
    assert not any(layer.grad_w for layer in found.layers)
    figure = gradient_figure([found])
    figure.canvas.draw()
    assert len(np.asarray(figure.axes[0].collections[0].get_offsets())) == 3


@pytest.mark.parametrize("layers", [1, 2, 3, 20, 100])
def test_the_axis_of_the_layers_has_whole_numbers(layers: int) -> None:
    (axes,) = gradient_figure(profiles(["relu"], layers=layers, width=4)).axes
    axes.figure.canvas.draw()
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert ticks
    assert all(float(tick).is_integer() for tick in ticks)


def brightness(colour: Any) -> float:
    """Return how light a colour is in a grey print (ITU-R BT.709), from 0 to 1."""
    red, green, blue = to_rgb(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_lines_are_told_apart_without_colour() -> None:
    many = [*activations.names()]
    figure = gradient_figure(profiles(many, layers=2, width=4))
    measured, _ = data_lines(figure.axes[0])
    looks = [(str(line.get_color()), str(line.get_marker())) for line in measured]
    assert len(set(looks)) == len(many)
    # As many as one can follow in one picture have markers of their own.
    assert len({marker for _, marker in looks[:8]}) == 8
    assert "None" not in {marker for _, marker in looks}
    # On white paper every line can be seen.
    assert max(brightness(colour) for colour, _ in looks) < 0.75


def test_a_deep_chain_has_few_markers() -> None:
    measured, _ = data_lines(gradient_figure(profiles(["relu"], layers=500, width=4)).axes[0])
    (line,) = measured
    every = line.get_markevery()
    assert isinstance(every, int)
    assert 10 <= 500 / every <= 40


# Activations.


def test_s_is_solid_and_its_slope_is_dashed() -> None:
    shown = [activations.get(name) for name in ("sigmoid", "tanh", "relu")]
    figure = activation_figure(shown)
    assert len(figure.axes) == 3
    for record, axes in zip(shown, figure.axes, strict=True):
        assert axes.get_title().startswith(record.name)
        assert axes.get_xlabel() == "$x$"
        drawn = {str(line.get_label()): line for line in axes.lines}
        value, slope = drawn["$S(x)$"], drawn[r"$S^{\prime}(x)$"]
        assert (value.get_linestyle(), slope.get_linestyle()) == ("-", "--")
        assert brightness(value.get_color()) != brightness(slope.get_color())
        x = np.asarray(value.get_xdata(), dtype=float)
        assert (x[0], x[-1]) == (-6.0, 6.0)
        expected_value, expected_slope = record.pair(x)
        assert (np.asarray(value.get_ydata()) == expected_value).all()
        jump = np.isnan(np.asarray(slope.get_ydata()))
        assert (np.asarray(slope.get_ydata())[~jump] == expected_slope[~jump]).all()
        assert x[jump] == pytest.approx(np.array(record.kinks), abs=1e-9)


def test_all_of_a_bounded_activation_and_of_its_slope_is_shown() -> None:
    shown = [*activations.registered()]
    for record, axes in zip(shown, activation_figure(shown).axes, strict=True):
        low, high = axes.get_ylim()
        assert low <= 0.0 <= high
        assert high >= record.sup_slope
        if np.isfinite([record.lower, record.upper]).all():
            assert low <= record.lower
            assert high >= record.upper


def test_no_legend_hides_a_curve() -> None:
    shown = [*activations.registered()]
    figure = activation_figure(shown)
    figure.canvas.draw()
    hidden = set()
    for record, axes in zip(shown, figure.axes, strict=True):
        legend = axes.get_legend()
        if legend is not None:
            box = legend.get_window_extent()
            for line in axes.lines:
                at = line.get_transform().transform(line.get_xydata())
                is_curve = str(line.get_label()).startswith("$")
                if is_curve and any(box.contains(x, y) for x, y in at):
                    hidden.add(record.name)
    assert not hidden


# Files.


@pytest.mark.parametrize("suffix", MAGIC)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_figure_is_written_beside_the_data(name: str, suffix: str, tmp_path: Path) -> None:
    command = shlex.split(COMMANDS[name])
    path = tmp_path / f"figure.{suffix}"
    result = run_in_process(*command, "--plot", str(path))
    assert result == run_in_process(*command)
    assert [*tmp_path.iterdir()] == [path]
    content = path.read_bytes()
    assert content.startswith(MAGIC[suffix])
    assert len(content) > 5000


@pytest.mark.parametrize("suffix", MAGIC)
def test_the_same_figure_has_the_same_bytes_in_another_process(suffix: str, tmp_path: Path) -> None:
    command = shlex.split(COMMANDS["simulation"])
    here, there = (tmp_path / f"{name}.{suffix}" for name in ("here", "there"))
    run_in_process(*command, "--plot", str(here))
    result = run(*command, "--plot", str(there), env={"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"})
    assert (result.status, result.stderr) == (0, b"")
    assert here.read_bytes() == there.read_bytes()


def test_a_figure_takes_the_place_of_an_older_file(tmp_path: Path) -> None:
    path = tmp_path / "figure.svg"
    path.write_bytes(b"old")
    run_in_process(*shlex.split(COMMANDS["acts"]), "--plot", str(path))
    assert path.read_bytes().startswith(MAGIC["svg"])


@pytest.mark.parametrize("plot", ["missing/x.png", "directory.png", "x.jpg", "x", "", "-", "."])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_figure_that_cannot_be_written_is_one_error_and_nothing_else(
    name: str, plot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "directory.png").mkdir()
    result = run_in_process(*shlex.split(COMMANDS[name]), "--plot", plot)
    assert (result.status, result.stdout) == (2, b"")
    assert result.stderr.startswith(b"Error: ")
    assert result.stderr.count(b"\n") == 1
    assert plot.encode() in result.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["directory.png"]


@pytest.mark.parametrize("name", COMMANDS)
def test_without_matplotlib_one_line_says_how_to_install_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [*sys.modules]:
        if module.partition(".")[0] == "matplotlib":
            monkeypatch.setitem(sys.modules, module, None)
    result = run_in_process(*shlex.split(COMMANDS[name]), "--plot", str(tmp_path / "x.png"))
    assert (result.status, result.stdout) == (2, b"")
    assert result.stderr.decode() == (
        "Error: plot: matplotlib is not installed: pip install matplotlib\n"
    )
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", COMMANDS)
def test_matplotlib_is_imported_for_a_figure_only(name: str) -> None:
    script = (
        "import sys; from vanish.cli.app import main; status = main();"
        " sys.exit(status or ('matplotlib' in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *shlex.split(COMMANDS[name])],
        capture_output=True,
        env=environment(),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
