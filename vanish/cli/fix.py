"""`vanish fix`: every cure of a gradient that vanishes or explodes, tried, measured and ranked."""

# Not annotations from the future: typer would evaluate every option's at each start.
from typing import TYPE_CHECKING, Any

import typer

from vanish.cli import choice, parse, streams
from vanish.cli import options as opt
from vanish.cli import output as out
from vanish.cli.simulate import CONDITION_HOLDS, INPUTS, limits_of, settings_of
from vanish.errors import UsageError
from vanish.simulation.names import VERDICTS

if TYPE_CHECKING:
    from vanish.cures.fix import Fixed

# Of which `vanish` itself takes several.
_ONE = ("act", "block", "init")


@opt.takes("fix")
def command(ctx: typer.Context, **options: Any) -> None:
    """Try every cure of a gradient that vanishes or explodes, and rank what it does.

    Each is run on the network as it is given: how large its weights are, how they are drawn,
    another activation, a skip, a norm. A row has the command that gives its numbers.
    """
    from vanish.cli.progress import progress
    from vanish.cures.columns import FIXES
    from vanish.cures.fix import fix
    from vanish.cures.frameworks import lines_of
    from vanish.simulation.settings import Settings

    chosen = choice.columns(options["columns"], lambda: FIXES.columns)
    destination = out.Destination.choose(
        options["format"],
        options["output"],
        header=not options["no_header"],
        rows=options["rows"],
        quiet=options["quiet"],
        inputs=[options[name] for name in INPUTS],
        columns=chosen,
    )
    conditions = parse.names(options["fail_on"], "--fail-on", "condition", VERDICTS)
    lines = parse.converted(options["framework"], lines_of)
    jobs, limit = limits_of(options)
    settings = Settings(**_one(options))
    with progress("trying cures", 1, quiet=options["quiet"]) as watch:
        found = fix(settings, jobs=jobs, memory_limit=limit, watch=watch, lines=lines)
    destination.write(_render(found, destination))
    if not destination.quiet:
        _tell(found, destination, options)
    if found.verdict.value in conditions:
        raise typer.Exit(CONDITION_HOLDS)


def _one(options: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the one network that is to be mended."""
    from vanish.cli import networks

    networks.refuse_graph(options["weights"])
    lists = {name: [] if options[name] is None else [options[name]] for name in _ONE}
    if options["act"] is None and options["layer_acts"] is None:
        lists["act"] = ["sigmoid"]
    found = settings_of(options | lists)
    if len(found) > 1:
        raise UsageError(f"{len(found)} networks: give one --act, one --init and one --block")
    return found[0]


def _render(found: "Fixed", destination: out.Destination) -> str:
    from vanish.render import fix as render

    if destination.is_for_people:
        rows = render.rows(found) if destination.chosen else []
        return destination.draw_fitting(
            lambda most: destination.narrowed(render.view(found, most), rows, most, "--rows 0")
        )
    if destination.format == "json":
        return render.document(found)
    from vanish.cures.columns import FIXES

    return destination.list_rows(render.rows(found), FIXES.names)


def _tell(found: "Fixed", destination: out.Destination, options: dict[str, Any]) -> None:
    """Say for whoever reads no table what was found, and how weights were read."""
    from vanish.cli import networks
    from vanish.cures.story import conclude
    from vanish.simulation.verdict import diagnose

    if not destination.is_for_people:
        profile = found.diagnosis
        name = profile.settings.model.act_label
        streams.say(f"{name}: {diagnose(profile).text}")
        if found.rows:
            streams.say(f"fix: {conclude(found).text}")
        if profile.settings.weights is not None:
            read = [profile.settings.weights]
            networks.say_how_read(read, options["weights_layout"], options["select"])
