"""What a row keeps of a run: a few numbers. The runs of all cures would not fit into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanish.records import Record
from vanish.simulation.cells import log10
from vanish.simulation.measured import HIGH, LOW, MEDIAN, magnitude_quantiles

if TYPE_CHECKING:
    from typing import Self

    from vanish.numbers.scaled import Magnitude
    from vanish.simulation.course import Verdict
    from vanish.simulation.profile import Profile
    from vanish.simulation.settings import Settings


class Outcome(Record):
    """A run, summed up.

    Attributes
    ----------
    settings, verdict
        What was run, and what became of the signal.
    ratio
        The signal's, layer 1 to N, the median over the trials; None where it is zero.
    low, high
        Its 5 % and 95 % quantiles, likewise.
    shares
        The share of the trials with each verdict, by its word.
    grad_w
        ‖∂L/∂W_1‖, the median.
    """

    settings: Settings
    verdict: Verdict
    ratio: Magnitude | None
    low: Magnitude | None
    high: Magnitude | None
    shares: dict[str, float]
    grad_w: Magnitude

    @classmethod
    def of(cls, profile: Profile) -> Self:
        """Return the outcome of a run."""
        (first,) = magnitude_quantiles(profile.measured.grad_w.at(slice(1)), MEDIAN)
        return cls(
            profile.settings,
            profile.verdict,
            profile.ratio,
            profile.ratio_quantile(LOW),
            profile.ratio_quantile(HIGH),
            profile.verdict_shares,
            first.listed()[0],
        )

    @property
    def log10_ratio(self) -> float | None:
        """The decimal logarithm of the ratio."""
        return log10(self.ratio)

    @property
    def log10_band(self) -> tuple[float | None, float | None]:
        """Those of its quantiles; None for a single trial."""
        several = self.settings.trials > 1
        return (log10(self.low), log10(self.high)) if several else (None, None)
