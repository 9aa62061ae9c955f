"""`python -m vanish`, and what the command `vanish` runs."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

# Objects more than were freed before Python looks for garbage. What a start imports, some 60,000
# objects, stays, and at Python's own 700 a tenth of the start goes into looking at it.
_OBJECTS = 200_000


def run() -> NoReturn:
    """Run the command line as a process of its own, which ends with its exit status.

    Memory goes with the process: to take it down object by object would be a thirtieth of
    the time of a short run.
    """
    status = main()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        sys.exit(status)  # and Python says what it has to say of it
    os._exit(status)


def main() -> int:
    """Run the command line and return its exit status."""
    _let_go()
    gc.set_threshold(_OBJECTS)
    try:
        from vanish.system import signals  # noqa: PLC0415 - see `_let_go`

        signals.install()
        from vanish.cli import app  # noqa: PLC0415 - see `_let_go`

        return app.main()
    except KeyboardInterrupt:
        return 130


def _let_go() -> None:
    """Let Ctrl-C end the program without a word until there is something to tidy up.

    Even importing `signal` takes long enough to be interrupted, and where an import takes
    Python's KeyboardInterrupt it may print it and go on. This needs nothing but a part of
    Python that is always there.
    """
    import _signal  # type: ignore[import-not-found]  # noqa: PLC0415 - no stub; only here

    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, lambda *_: os._exit(130))


if __name__ == "__main__":
    run()
