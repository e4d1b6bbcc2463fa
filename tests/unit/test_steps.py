"""Steps performed in virtual time: what they do is in the packets."""

from pathlib import Path

import pytest

from lab.judge.checks import Answered
from lab.observe.dns_exchange import DnsExchange
from lab.observe.sighting import Sighting
from lab.observe.timeline import Timeline
from lab.scenario.model import (
    Ask,
    AskMany,
    Await,
    Change,
    Elapse,
    Expectation,
    Forge,
    Halt,
    Play,
    Reconfigure,
    RemoveZone,
    Reply,
    Resume,
    Scenario,
    Script,
    SetForward,
    SetZone,
    Step,
)
from lab.scenario.steps import Stage
from lab.topology.load import load_topology
from lab.topology.planner import make_plan
from lab.worlds.simulated import SimulatedWorld
from lab.worlds.world import Clock
from resolver.machine import Transport

ROOT = Path(__file__).parents[2]
PLAN = make_plan(load_topology(ROOT / "topologies" / "cluster.toml"), "cluster")
ECHO = Script(replies=(Reply(qtype="A", answer=("@ 60 IN A 10.10.10.100",)),))
SCRIPTED = Play(node="dns", program="resolver", script=ECHO)
ZONE = "@ 60 IN SOA ns hostmaster {0} 3600 600 86400 60\n@ 60 IN NS ns\n@ 60 IN A 192.0.2.{0}\n"


class SeeingLate(SimulatedWorld):
    """A world on a busy host: a watcher is shown first what was captured before it came."""

    def start(self) -> None:
        super().start()
        self._seen: list[Sighting] = []
        super().on_sighting(self._seen.append)

    def on_sighting(self, watcher) -> None:
        for sighting in self._seen if watcher else ():
            watcher(sighting)
        super().on_sighting(watcher or self._seen.append)


@pytest.fixture
def perform(tmp_path):
    def run(*steps: Step, kind: type[SimulatedWorld] = SimulatedWorld) -> Timeline:
        world = kind(PLAN, out=tmp_path, seed=1)
        try:
            world.start()
            # Through the scenario, so that what it refuses is not performed.
            scenario = Scenario(
                title="-",
                story="-",
                topology="cluster",
                steps=steps,
                expectations=(Expectation(text="-", rules=("CLU-01",), check=Answered()),),
            )
            Stage(world, PLAN, seed=1).perform(scenario.steps)
            capture = world.seal()
        finally:
            world.stop()
        return Timeline.read(capture.path, PLAN, Clock.VIRTUAL)

    return run


def asked(timeline: Timeline) -> list[DnsExchange]:
    return [each for each in timeline.exchanges if each.asker == "viewer"]


def answers(timeline: Timeline) -> list[object]:
    return [each.reply and (each.reply.addresses or each.reply.rcode) for each in asked(timeline)]


def test_many_questions_each_from_a_port_of_its_own(perform) -> None:
    timeline = perform(SCRIPTED, AskMany(name="n{n}.test", count=300, at_once=20))
    questions = asked(timeline)
    assert {each.query.name for each in questions} == {f"n{n}.test" for n in range(1, 301)}
    assert all(each.reply for each in questions)
    assert len({each.query.source.port for each in questions}) == 300
    assert len({each.query.id for each in questions}) == 300
    instants = sorted({each.asked_at for each in questions})
    assert len([each for each in questions if each.asked_at == instants[0]]) == 20


def test_many_questions_on_one_connection(perform) -> None:
    timeline = perform(SCRIPTED, AskMany(name="n.test", count=300, transport="tcp"))
    questions = asked(timeline)
    assert len(questions) == 300
    assert all(each.reply for each in questions)
    assert len({each.query.source for each in questions}) == 1


def test_a_question_in_pieces_is_one_question_in_many_segments(perform) -> None:
    timeline = perform(SCRIPTED, Ask(name="a.test", transport="tcp", pieces=7))
    (question,) = asked(timeline)
    assert question.query.transport is Transport.TCP
    assert len(question.query.trips) == 7
    assert question.reply.addresses == ("10.10.10.100",)


def test_reconfigurations_add_up_and_outlive_a_restart(perform) -> None:
    ask = Ask(name="a.test")

    def change(*changes: Change) -> Reconfigure:
        return Reconfigure(node="dns", changes=changes)

    timeline = perform(
        ask,
        change(SetZone(origin="a.test", records=ZONE.format(1))),
        ask,
        change(SetForward(zone="b.test", servers=("10.10.10.100",))),
        ask,
        change(SetZone(origin="a.test", records=ZONE.format(2))),
        ask,
        Halt(node="dns", program="resolver"),
        Resume(node="dns", program="resolver"),
        ask,
        change(RemoveZone(origin="a.test")),
        ask,
        Ask(name="b.test"),
    )
    kept, changed = ("192.0.2.1",), ("192.0.2.2",)
    assert answers(timeline)[1:5] == [kept, kept, changed, changed]
    assert answers(timeline)[0] == answers(timeline)[5] == "REFUSED"
    below_b = [each for each in timeline.exchanges if each.query.name == "b.test"]
    assert [each.asker for each in below_b] == ["viewer", "dns"]


def test_a_forger_waits_for_the_question_that_is_meant(perform) -> None:
    silent = Play(node="server1", script=Script(delay_s=0.2, answers=("10.10.10.100",)))
    timeline = perform(
        silent,
        Ask(name="www.internet.intern.netz", wait=False, label="other"),
        Ask(wait=False, label="meant"),
        Forge(
            forger="viewer", victim="dns", fault="id", address="192.0.2.66",
            name="INTERNET.intern.netz",
        ),
        Await(label="other"),
        Await(label="meant"),
    )  # fmt: skip
    asked = {each.query.name for each in timeline.exchanges if each.asker == "dns"}
    forged = [each.name for each in timeline.messages if "192.0.2.66" in each.addresses]
    assert (asked, forged) == (
        {"www.internet.intern.netz", "internet.intern.netz"},
        ["internet.intern.netz"],
    )


def test_no_question_is_live_that_was_captured_before_the_viewer_asked(perform) -> None:
    timeline = perform(
        Ask(),
        Elapse(seconds=5),  # longer than the balancer's TTL
        Play(node="server1", script=Script(delay_s=0.2, answers=("10.10.10.100",))),
        Ask(wait=False, label="q"),
        Forge(forger="viewer", victim="dns", fault="id", address="192.0.2.66"),
        Await(label="q"),
        kind=SeeingLate,
    )
    first, second = (each.query.source for each in timeline.exchanges if each.asker == "dns")
    forged = {each.destination for each in timeline.messages if "192.0.2.66" in each.addresses}
    assert first != second
    assert forged == {second}


@pytest.mark.parametrize("fault", ["source-port", "class", "id"])
def test_a_forgery_is_sent_for_a_live_question(perform, fault) -> None:
    silent = Play(node="server1", script=Script(delay_s=0.2, answers=("10.10.10.100",)))
    timeline = perform(
        silent,
        Ask(wait=False, label="q"),
        Forge(forger="viewer", victim="dns", fault=fault, address="192.0.2.66"),
        Await(label="q"),
    )
    forged = [each for each in timeline.messages if "192.0.2.66" in each.addresses]
    assert forged
    assert {each.destination.address for each in forged} == {"192.168.1.53"}
    assert not timeline.datagrams
    (exchange,) = (each for each in timeline.exchanges if each.strays)
    assert exchange.strays == forged
