"""How often something that happens by chance is tried before one may say that it never happens."""

from __future__ import annotations

import math
from typing import Final

FALSE_ALARM: Final = 1e-6
"""The chance that a listed breach, which still happens, is not seen in any of the trials."""


def trials_needed(chance: float) -> int:
    """The fewest trials in which what happens with this chance in each (0 < chance < 1) stays away
    from all with a chance below FALSE_ALARM: (1 - chance)^n < FALSE_ALARM."""
    # log1p: a chance of a thousandth must not lose its digits beside 1.
    return math.floor(math.log(FALSE_ALARM) / math.log1p(-chance)) + 1
