"""What the shell says of a command is what happened, not what was asked for."""

import pytest
from wire import Wire, cluster_plan

from lab.scenario.model import Elapse
from lab.teaching.telling import told
from resolver.machine import MILLISECOND, SECOND


@pytest.mark.parametrize(
    ("took_ns", "words"),
    [
        (100 * SECOND + 3 * MILLISECOND, "100 s have passed"),
        (1_230 * MILLISECOND, "1.2 s have passed"),
        (0, "0 s have passed"),
    ],
)
def test_a_wait_that_was_cut_short_is_told_as_long_as_it_was(took_ns, words):
    (line,) = told(Elapse(seconds=100), Wire(cluster_plan()).timeline(), took_ns)
    assert line.startswith(f"{words} (")
