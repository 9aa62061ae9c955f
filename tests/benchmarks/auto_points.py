"""By what factor `auto` takes longer for a point of a sweep than the faster engine, at worst.

Arguments: LAYERS, INIT. Of all sizes that take a moment; linear algebra has one thread, as on the
command line.
"""

from __future__ import annotations

import sys

from vanish.system.threads import one_for_linear_algebra

if __name__ == "__main__":
    one_for_linear_algebra()
    from auto_jobs import grids, worst  # it imports numpy, which asks once for how many there are

    sys.stdout.write(f"{worst([*grids(int(sys.argv[1]), sys.argv[2])])}\n")
