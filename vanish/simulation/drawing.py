"""Networks with their parameters: drawn from the streams of a seed, or given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from vanish.network.streams import Role, Streams, Trials, draw_step, role_of
from vanish.network.weights import Matrix, Weight
from vanish.numbers.scaled import Magnitude
from vanish.simulation.names import DENSE
from vanish.simulation.needs import memory_needed
from vanish.simulation.sample import draw_input, given_input, given_steps
from vanish.system import memory
from vanish.system.threads import Ahead, processors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vanish.network.arrays import Network
    from vanish.network.blockarrays import BlockNetwork
    from vanish.network.chain import Chain, Parameter
    from vanish.network.filegraph import FileNetwork
    from vanish.network.graph import Variable
    from vanish.network.initializers import Initializer, Law
    from vanish.network.initializers.laws import Empty
    from vanish.numbers.scaled import FloatArray
    from vanish.simulation.settings import Settings

    # Address, first layer and shape of a parameter, as `Model.parameters` has them.
    Addressed = tuple[Variable, int, tuple[int, ...]]
    AnyNetwork = Network | BlockNetwork | FileNetwork
    Known = tuple[Variable, Parameter]


# Drawing so many numbers takes about 15 ms, starting threads for it less than one.
_WORTH_THREADS = 2**20

# A thread draws about so many at a time: few enough that all end together, and soon after an
# interrupt.
_PART = 2**17


class Draws:
    """The unscaled weights of one seed and trial, drawn once for all that share them.

    Activations and initialisers that differ only in scale get the same numbers, so that
    like is compared with like and neither the drawing nor the singular values are paid
    for twice. One matrix an address is kept, and one input: another law or shape takes its place.
    Of a real network its weights are kept, made ready once for all gains.

    Parameters
    ----------
    streams, trial
        The seed's, and which of its trials.
    keeps_trials
        Whether what `of` returns for other trials is kept, too.
    once
        Whether one run alone has the weights, which need not stay when it has no more use for them.
    """

    def __init__(
        self,
        streams: Streams,
        trial: int = 0,
        *,
        keeps_trials: bool = False,
        once: bool = False,
    ) -> None:
        self.seed, self.once = streams.seed, once
        self._streams, self._trial = streams, trial
        self._others: dict[int, Draws] | None = {} if keeps_trials else None
        self._kept: dict[Variable, tuple[tuple[Law, float], Matrix]] = {}
        self._given: tuple[AnyNetwork, Mapping[Variable, Parameter]] | None = None
        self._input: tuple[tuple[int, Trials, int, int], FloatArray] | None = None

    def input(self, settings: Settings, trials: Trials) -> FloatArray:
        """Return the input batch of a trial, shape (B, n_0); see `sample.draw_input`.

        A real network is run with those of other seeds and trials, too.
        """
        is_given = given_input(settings) is not None
        of = settings.seed, trials, settings.rows, settings.model.n_in
        if not is_given and self._input is not None and self._input[0] == of:
            return self._input[1]
        x: FloatArray = draw_input(settings, Streams(settings.seed), trials)[0]
        if not is_given:
            self._input = of, x
        return x

    def of(self, trial: int) -> Draws:
        """Return the weights of a trial of the same seed; a real network has them of all."""
        if trial == self._trial:
            return self
        if self._others is None:
            return Draws(self._streams, trial, once=True)
        if trial not in self._others:
            self._others[trial] = Draws(self._streams, trial)
        return self._others[trial]

    def matrix(
        self,
        address: Variable,
        initializer: Initializer,
        shape: tuple[int, ...],
        empty: Empty = np.empty,
    ) -> Matrix:
        """Return the unscaled matrix of an address, shape (n_out, n_in); see `laws.draw`."""
        kept = self.kept(address, initializer, shape)
        if kept is not None:
            return kept
        self._kept.pop(address, None)
        letter, k = address
        generator = self._streams.generator(role_of(letter, Role.WEIGHTS), k, self._trial)
        n_out, n_in = shape
        matrix = Matrix(initializer.draw(generator, n_out, n_in, empty))
        if not self.once:
            self._kept[address] = initializer.unit, matrix
        return matrix

    def kept(
        self, address: Variable, initializer: Initializer, shape: tuple[int, ...]
    ) -> Matrix | None:
        """Return the matrix of an address if it was drawn before."""
        kept = self._kept.get(address)
        if kept and kept[0] == initializer.unit and kept[1].entries.shape == shape:
            return kept[1]
        return None

    def given(self, network: AnyNetwork) -> Mapping[Variable, Parameter]:
        """Return the parameters of a real network, as far as it has them."""
        if self._given is None or self._given[0] is not network:
            arrays = network.arrays.items()
            self._given = (
                network,
                {address: Weight.of(a) if a.ndim == 2 else a for address, a in arrays},
            )
        return self._given[1]

    def held(self, settings: Settings) -> int:
        """Return how many bytes of the settings' weights are kept, be they of another law."""
        model = settings.model
        if settings.weights is not None:
            is_known = self._given is not None and self._given[0] is settings.weights
            return 8 * model.weight_count if is_known else 0
        kept = (self._kept.get(address) for address, _, _ in model.parameters)
        return sum(each[1].entries.nbytes for each in kept if each)

    def make_room(self, settings: Settings) -> None:
        """Let go of all weights if others, of these settings, do not fit beside them.

        They are drawn once more where they are asked for again.
        """
        if self._kept and not memory.fits(memory_needed(settings, DENSE)):
            self._kept.clear()
            if self._others:
                self._others.clear()

    def holds(self, settings: Settings) -> bool:
        """Tell whether these settings find all their weights drawn."""
        if settings.weights is not None:
            return True
        model = settings.model
        return all(
            self.kept(address, model.initializer(address.letter, k), shape) is not None
            for address, k, shape in model.parameters
            if len(shape) == 2
        )


def the_chain(
    settings: Settings, draws: Draws, trials: Trials, x: FloatArray, *, entries: bool = False
) -> Chain:
    """Return the network that the settings describe.

    Parameters
    ----------
    settings
        What is simulated.
    draws
        Where the weights come from.
    trials
        The one trial.
    x
        The batch, shape (B, n_0), by which weights may be scaled.
    entries
        As for `run.compare`.
    """
    model, streams = settings.model, Streams(settings.seed)
    parameters = (
        _drawn(settings, streams, draws, trials, entries=entries)
        if settings.weights is None
        else _given(settings, settings.weights, draws)
    )
    steps = steps_of(settings, streams, trials)
    chain = model.chain(parameters, steps)
    if not model.is_scaled_by_data:
        return chain
    from vanish.readings.unitvariance import unit_variance  # noqa: PLC0415 - start-up

    return unit_variance(chain, x, model.gain)


def steps_of(settings: Settings, streams: Streams, trials: Trials) -> Mapping[int, FloatArray]:
    """Return each layer's own input u_k, shape (B, n_u), by k; nothing where none has one."""
    given, rows = given_steps(settings), settings.rows
    return {
        k: draw_step(streams, trials, k, (rows, size))[0]
        if given is None
        else np.broadcast_to(given[k], (rows, size))
        for k, size in settings.model.step_sizes.items()
    }


def _drawn(
    settings: Settings, streams: Streams, draws: Draws, trials: Trials, *, entries: bool
) -> Mapping[Variable, Parameter]:
    model = settings.model
    biases = model.drawn_biases

    def parameter(
        address: Variable, k: int, shape: tuple[int, ...], empty: Empty = np.empty
    ) -> Parameter:
        if len(shape) == 1:
            return None if biases is None else biases.draw(streams, trials, address, shape)[0]
        initializer = model.initializer(address.letter, k)
        n_out, n_in = shape
        scale = Magnitude.of(initializer.scale(n_in, n_out)) * model.gain(k)
        return Weight(draws.matrix(address, initializer, shape, empty), scale)

    if model.weight_count < _WORTH_THREADS or draws.holds(settings):
        return {each[0]: parameter(*each) for each in model.parameters}

    from vanish.system.pages import Room  # noqa: PLC0415 - start-up

    room = Room()

    def part(addressed: list[Addressed]) -> Iterator[Known]:
        for each in addressed:
            found = parameter(*each, room.empty)
            # They will be asked for; now the entries are still in the processor's cache.
            if isinstance(found, Weight):
                _ = found.matrix.frobenius_norm, entries and found.matrix.largest
            yield each[0], found

    return _DrawnAhead(list(model.parameters), part)


class _DrawnAhead(Mapping["Variable", "Parameter"]):
    """Parameters that threads draw in the order of the layers, ahead of who asks for them.

    Every parameter has a stream of its own, and numpy draws without the interpreter's lock.

    Parameters
    ----------
    addressed
        All of them.
    draw
        Draws some.
    """

    def __init__(
        self, addressed: list[Addressed], draw: Callable[[list[Addressed]], Iterable[Known]]
    ) -> None:
        self._found: dict[Variable, Parameter] = {}
        parts = list(_parts(addressed))
        self._part = {each[0]: number for number, part in enumerate(parts) for each in part}
        found = self._found
        tasks = [partial(lambda part: found.update(draw(part)), part) for part in parts]
        self._ahead = Ahead(tasks, processors() - 1)

    def __getitem__(self, address: Variable) -> Parameter:
        if address not in self._found:
            self._ahead.wait(self._part[address])
        return self._found[address]

    def __iter__(self) -> Iterator[Variable]:
        return iter(self._part)

    def __len__(self) -> int:
        return len(self._part)


def _parts(addressed: Iterable[Addressed]) -> Iterator[list[Addressed]]:
    """Yield neighbours that are many numbers together: handing one out costs some microseconds."""
    part, taken = [], 0
    for each in addressed:
        part.append(each)
        taken += math.prod(each[2])
        if taken >= _PART:
            yield part
            part, taken = [], 0
    if part:
        yield part


def _given(settings: Settings, network: AnyNetwork, draws: Draws) -> dict[Variable, Parameter]:
    model, given = settings.model, draws.given(network)

    def parameter(address: Variable, k: int) -> Parameter:
        found = given.get(address)  # a bias that is not there is zero
        if isinstance(found, Weight):
            return Weight(found.matrix, found.scale * model.gain(k))
        return found

    return {address: parameter(address, k) for address, k, _ in model.parameters}
