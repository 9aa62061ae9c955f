"""Settings as they were used: every name and size, whatever was left open."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from vanish.network import losses

if TYPE_CHECKING:
    from vanish.simulation.settings import Settings


def as_dict(settings: Settings) -> dict[str, Any]:
    """Return every setting as it was used, ready for JSON."""
    model, sizes = settings.model, settings.model.sizes
    uniform = len(set(sizes)) == 1
    used = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return used | {
        "act": model.act_name,
        "layer_acts": [each.name for each in model.activations]
        if settings.layer_acts or model.act_name == "mixed"
        else None,
        "last_act": model.activations[-1].name if settings.last_act is not None else None,
        # Of a file's graph no formula of a layer tells.
        "block": None if model.graph.stages else settings.block,
        "layers": model.depth,
        "width": sizes[0] if uniform else None,
        "widths": None if uniform else list(sizes),
        "init": None if _says_no_init(settings) else model.init_name,
        "input": settings.input.name if settings.input else None,
        "batch": settings.rows,
        "loss": losses.get(settings.loss).name,
        "target": settings.target.name if settings.target else None,
        "weights": settings.weights.name if settings.weights else None,
        "weights_layout": settings.weights.layout if settings.weights else None,
        "weights_layout_assumed": settings.weights.assumed if settings.weights else None,
        "weight_std": dict(std) if isinstance(std := settings.weight_std, tuple) else std,
        "gain": list(gain) if isinstance(gain := settings.gain, tuple) else gain,
        "steps": settings.steps.name if settings.steps else None,
        "bias_init": _bias_name(settings),
    }


def _says_no_init(settings: Settings) -> bool:
    """Tell whether weights are as they were given, or have a standard deviation instead."""
    given = settings.weights is not None and not settings.model.is_scaled_by_data
    return given or settings.weight_std is not None


def _bias_name(settings: Settings) -> str | None:
    """Return how biases were drawn; None where `bias_std` says it, or there are none to draw."""
    model = settings.model
    if settings.weights or settings.bias_std or not model.biases:
        return None
    return "zeros" if model.drawn_biases is None else model.drawn_biases.law.name
