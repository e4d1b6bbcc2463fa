"""Performing a `Visit` step: the machine on its node, and marks around it."""

from __future__ import annotations

from random import Random

from lab.observe.visit import VISIT, VISITED
from lab.scenario.acts import Visit as VisitStep
from lab.topology.plan import Plan
from lab.viewer.profiles import PROFILES, ProfileName
from lab.viewer.visit import NOBODY_WAITS_LONGER, Memory, Seen, Visit
from lab.worlds.world import World, WorldBroken
from resolver.machine import MILLISECOND, SECOND

_GRAIN = 100 * MILLISECOND
"""What is waited beyond the viewer's own patience: it is the viewer that gives up."""

WITHOUT_A_VIEWER: ProfileName = "one-shot"
"""Who visits where neither the step nor the run says so."""


class Visits:
    """The visits of one run: what each viewer's machine remembers, and a number for each visit."""

    def __init__(self, world: World, plan: Plan, seed: int) -> None:
        self._world = world
        self._plan = plan
        self._random = Random(f"{seed}/visits")  # noqa: S311 - a lab's run must repeat
        self._memories: dict[str, Memory] = {}
        self._visits = 0

    def perform(self, step: VisitStep) -> Seen:
        """Let the viewer go its whole way; returns when it is told something, or goes away.

        Raises WorldBroken where the plan gives the viewer no DNS server, or nothing to look up.
        """
        node = self._plan.node(step.node)
        name = step.name or self._plan.cluster_name
        if name is None:
            raise WorldBroken(f"{self._plan.source} has no cluster, so no name to visit")
        if not node.asks:
            raise WorldBroken(f"{step.node} has no DNS server to ask")
        profile = PROFILES[step.profile or WITHOUT_A_VIEWER]
        visit = Visit(
            profile,
            name=name,
            port=step.port or self._plan.service_port,
            servers=node.asks,
            own=tuple(address for each in node.interfaces for address in each.addresses),
            patience_ns=round(step.patience_s * SECOND),
            random=Random(self._random.getrandbits(64)),  # noqa: S311 - likewise
            memory=self._memories.setdefault(step.node, Memory()),
        )
        self._visits += 1
        about = {"number": self._visits, "node": step.node, "profile": profile.name}
        text = f"{step.node} ({profile.name}) visits {name}"
        self._world.mark(VISIT, text, name=name, **about)
        self._world.attach(step.node, visit)
        patience_ends = self._world.now() + round(step.patience_s * SECOND) + _GRAIN
        self._world.run_until(lambda: visit.finished, patience_ends)
        seen = visit.seen or Seen("error", NOBODY_WAITS_LONGER)
        told = f"{step.node} is connected" if seen.outcome == "connected" else seen.reason
        self._world.mark(
            VISITED,
            told,
            **about,
            outcome=seen.outcome,
            reason=seen.reason,
            address=seen.address,
            banner=seen.banner,
        )
        self._world.detach(visit)
        return seen
