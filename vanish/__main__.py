"""`python -m vanish`, and what the command `vanish` runs."""

import sys


def main() -> int:
    """Run the command line and return its exit status."""
    try:
        # Even importing takes long enough to be interrupted.
        from vanish import signals  # noqa: PLC0415 - see above

        signals.install()
        from vanish.cli import app  # noqa: PLC0415 - see above

        return app.main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
