"""`python -m vanish`, the same as the command `vanish`."""

import sys

from vanish.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
