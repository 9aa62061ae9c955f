"""The options that are no settings: how runs are handled, and what is done with their results.

`simulation.table` puts them among all others.
"""

from __future__ import annotations

from vanish.simulation import names
from vanish.simulation.option import Group, Kind, Option

_VANISH = ("vanish",)
_SWEEP = ("sweep",)
_ALL = ("vanish", "sweep", "train")
_FORMAT_HELP = "auto is a table on a terminal, else tsv."

JOBS = Option(
    *("jobs", Kind.COUNT),
    "Most threads for sampled trials. It changes no number.",
    group=Group.RUNNING,
    metavar="N",
    short="-j",
    shown="all processors",
    commands=_VANISH,
)
MEMORY = Option(
    *("memory", Kind.TEXT),
    "Most memory that sampled chains may keep at a time, such as 500MB; deeper ones are run in"
    " segments. It changes no number.",
    group=Group.RUNNING,
    metavar="SIZE",
    shown="1GB",
    commands=_VANISH,
)
FAIL_ON = Option(
    *("fail_on", Kind.NAME),
    f"Exit with status 3 if a chain is one of these: {names.VERDICTS}.",
    group=Group.RUNNING,
    metavar="VERDICT,...",
    choices=names.VERDICTS,
    several=True,
    commands=("vanish", "train"),
)
_FORMAT = Option(
    *("format", Kind.NAME),
    f"{names.FORMATS}; {_FORMAT_HELP}",
    group=Group.OUTPUT,
    metavar="NAME",
    short="-f",
    default="auto",
    choices=names.FORMATS,
    commands=("sweep", "train"),
)
_OUTPUT = Option(
    *("output", Kind.TEXT),
    "Write to FILE, whole or not at all, in the format of its suffix; it takes the place of a"
    " file that is there.",
    group=Group.OUTPUT,
    metavar="FILE",
    short="-o",
    commands=("vanish", "train"),
)

# In the order in which help lists them, behind the settings.
HANDLING = (
    FAIL_ON,
    FAIL_ON.but(
        help=f"Exit with status 3 if a point is one of these: {names.VERDICTS}. That some points"
        " failed, status 1, comes first.",
        commands=_SWEEP,
    ),
    Option(
        *("config", Kind.TEXT),
        "Take options from a file: option = value or list. The command line wins over it.",
        group=Group.RUNNING,
        metavar="FILE.toml",
        commands=_SWEEP,
        once=True,
    ),
    Option(
        *("per_layer", Kind.FLAG),
        "Write a row a layer in place of one a point.",
        group=Group.OUTPUT,
        default=False,
        commands=("sweep", "train"),
    ),
    JOBS.but(help="Processes of this machine.", commands=_SWEEP),
    Option(
        *("scheduler", Kind.TEXT),
        "Use the workers of a Dask cluster instead, such as tcp://127.0.0.1:8786. Needs the"
        " extra 'dask'.",
        group=Group.RUNNING,
        metavar="ADDRESS",
        commands=_SWEEP,
    ),
    MEMORY.but(commands=_SWEEP),
    Option(
        *("resume", Kind.FLAG),
        "Go on with an unfinished sweep, from FILE.part beside FILE.",
        group=Group.RUNNING,
        default=False,
        commands=_SWEEP,
        once=True,
    ),
    Option(
        *("force", Kind.FLAG),
        "Write over FILE, whatever it holds; an unfinished sweep is kept.",
        group=Group.RUNNING,
        default=False,
        commands=_SWEEP,
        once=True,
    ),
    Option(
        *("dry_run", Kind.FLAG),
        "Say how many points there are and what they may take.",
        group=Group.RUNNING,
        default=False,
        commands=_SWEEP,
        once=True,
    ),
    _FORMAT,
    _FORMAT.but(
        help=f"{names.WITH_PAGE}; {_FORMAT_HELP}", choices=names.WITH_PAGE, commands=_VANISH
    ),
    _OUTPUT,
    _OUTPUT.but(
        help="Write to FILE, whole or not at all, in the format of its suffix. A FILE that is"
        " there is written over only if it holds the results of the same grid.",
        commands=_SWEEP,
    ),
    Option(
        *("no_header", Kind.FLAG),
        "Leave out the header line of tsv and csv.",
        group=Group.OUTPUT,
        default=False,
        commands=_ALL,
    ),
    Option(
        *("columns", Kind.NAME),
        "Print these columns only, in this order, in every format but json; help lists all there"
        " are, with what they say.",
        group=Group.OUTPUT,
        metavar="NAME,...",
        several=True,
        commands=_ALL,
    ),
    Option(
        *("rows", Kind.COUNT),
        "Most rows of a table, the middle elided; 0 for all.",
        group=Group.OUTPUT,
        metavar="N",
        shown="what fits on a terminal, else all",
        commands=_VANISH,
    ),
    Option(
        *("quiet", Kind.FLAG),
        "The data only: no verdict, nothing on stderr.",
        group=Group.OUTPUT,
        short="-q",
        default=False,
        commands=_ALL,
    ),
    Option(
        *("plot", Kind.TEXT),
        "Draw a figure, too: .png, .svg or .pdf; it takes the place of a file that is there."
        " Needs the extra 'plot'.",
        group=Group.OUTPUT,
        metavar="FILE",
        commands=_ALL,
    ),
    Option(
        *("version", Kind.FLAG),
        "Show the version and exit.",
        group=Group.OUTPUT,
        default=False,
        commands=_VANISH,
        once=True,
    ),
)
