"""An attended Mininet world says that a capture is written only when it is."""

from dataclasses import dataclass, field

from test_replaying import plan_of

from lab.observe.capture import LiveCapture
from lab.worlds.mininet_attended import AttendedMininetWorld
from resolver.machine import MILLISECOND, SECOND

SETTLED_NS = 20 * MILLISECOND
"""So long a capture keeps a frame back, for others may be older."""


@dataclass
class Word:
    """When it was asked for, and when it came."""

    world: AttendedMininetWorld
    asked_at: int = 0
    waited_ns: list[int] = field(default_factory=list)

    def ask(self):
        self.asked_at = self.world.now()
        self.world.once_written(self.come)

    def come(self):
        self.waited_ns.append(self.world.now() - self.asked_at)


def test_who_asks_second_waits_for_his_own_frames(tmp_path):
    # A step that takes less time than a capture keeps frames back.
    world = AttendedMininetWorld(plan_of("cluster-nat"), out=tmp_path, seed=1)
    world._capture = capture = LiveCapture(tmp_path / "capture.pcapng")
    first, second = Word(world), Word(world)
    first.ask()
    world.run_until(lambda: False, world.now() + 15 * MILLISECOND)
    second.ask()
    world.run_until(lambda: bool(second.waited_ns), world.now() + 5 * SECOND)
    capture.close()
    assert len(first.waited_ns) == len(second.waited_ns) == 1
    assert first.waited_ns[0] > SETTLED_NS
    assert second.waited_ns[0] > SETTLED_NS
