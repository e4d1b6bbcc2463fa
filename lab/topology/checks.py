"""Whether a topology makes sense: everything that is wrong with it, at once.

Several looks at the same file: the names in it, its prefixes and addresses (`Survey`), the cluster
with its aliases, who forwards to whom, what a viewer gets, and what the source document promises.
A mistake is reported where it stands in the file and once only; what merely follows is not.
"""

from __future__ import annotations

from lab.topology.check_cluster import cluster_problems
from lab.topology.check_expectations import expectation_problems
from lab.topology.check_forwarding import forwarding_problems
from lab.topology.check_internet import can_be_generated, internet_problems
from lab.topology.check_names import name_problems
from lab.topology.check_napt import napt_problems
from lab.topology.check_recursion import recursion_problems
from lab.topology.check_viewers import viewer_problems
from lab.topology.internet import with_internet
from lab.topology.model import Topology
from lab.topology.problem import Problem, in_file_order
from lab.topology.survey import Survey


def problems_of(topology: Topology) -> tuple[Problem, ...]:
    """All problems, in the file's order; none means that it can be planned and run."""
    of_internet = tuple(internet_problems(topology))
    if not of_internet and can_be_generated(topology):
        topology = with_internet(topology)
    survey = Survey(topology)
    return in_file_order(
        (
            *of_internet,
            *name_problems(topology),
            *survey.problems,
            *cluster_problems(survey),
            *napt_problems(survey),
            *forwarding_problems(survey),
            *recursion_problems(survey),
            *viewer_problems(survey),
            *expectation_problems(survey),
        )
    )
