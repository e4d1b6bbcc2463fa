"""Who sits in which seat: the words, and the plan with its seats filled."""

from __future__ import annotations

from functools import cache

import pytest
from shipped import TOPOLOGIES
from stock_servers import Stock

from lab.exchange.named_syntax import statements_of
from lab.judge.checks import Answered
from lab.scenario.model import (
    Ask,
    AskMany,
    Elapse,
    Expectation,
    Halt,
    OmitForward,
    Play,
    Repeat,
    Resume,
    Scenario,
    Script,
    Step,
    Until,
)
from lab.scenario.seats import (
    PATIENCE_S,
    InputRefused,
    absences,
    filled,
    patient,
    reconfigured,
    scripted,
)
from lab.subjects.adopting import adopt_files
from lab.subjects.roster import SUBJECTS
from lab.subjects.seating import Seating, SeatingError, places, seated
from lab.subjects.subject import CannotFill
from lab.topology.faults import apply_fault
from lab.topology.load import load_topology
from lab.topology.planner import make_plan

ROSTER = {"unbound": Stock(), "nftables": Stock("nftables", "Kernel", seats=frozenset({"nat"}))}
DNS = Seating({"dns": "unbound"})


@cache
def plan_of(topology):
    return make_plan(load_topology(TOPOLOGIES / f"{topology}.toml"), topology)


def scenario(*steps: Step, topology="cluster-nat"):
    expected = Expectation(text="-", rules=("CLU-02",), check=Answered(count=1))
    return Scenario(title="-", story="", topology=topology, steps=steps, expectations=(expected,))


def sitting(plan):
    return {
        (node.name, program.name): program.daemon.subject
        for node in plan.nodes
        for program in node.programs
        if program.daemon
    }


# --- words --------------------------------------------------------------------------------------


def test_words_say_who_sits_where(tmp_path):
    config = tmp_path / "my unbound.conf"
    config.touch()
    words = ("dns=unbound", "nat=nftables", "translator=ours")
    seating = Seating.read(words, (f"dns={config}",), ROSTER)
    assert seating.subjects == {"dns": "unbound", "nat": "nftables"}
    assert seating.configs == {"dns": config}
    assert str(seating) == (f"--subject=dns=unbound --subject=nat=nftables '--config=dns={config}'")
    assert not Seating.read(("dns=ours",), roster=ROSTER)


@pytest.mark.parametrize(
    ("subjects", "configs", "told"),
    [
        (["unbound"], [], "--subject unbound: write SEAT=NAME, such as dns=unbound"),
        (["dns="], [], "--subject dns=: write SEAT=NAME, such as dns=unbound"),
        (["dsn=unbound"], [], "--subject dsn=unbound: no seat 'dsn'; did you mean 'dns'?"),
        (["dns=unbond"], [], "--subject dns=unbond: no subject 'unbond'; did you mean 'unbound'?"),
        (
            ["dns=nftables"],
            [],
            (
                "--subject dns=nftables: Kernel cannot be a DNS server that forwards; "
                "the seat can be taken by ours, unbound"
            ),
        ),
        (
            ["dns=unbound", "dns=ours"],
            [],
            "--subject dns=ours: the seat dns has unbound already; name each seat once",
        ),
        (
            ["dns=ours"],
            ["dns=here.conf"],
            (
                "--config dns=here.conf: no subject has the seat; "
                "add --subject dns=NAME, the server whose file this is"
            ),
        ),
        (
            ["dns=unbound"],
            ["dns=/nowhere/a.conf"],
            (
                "--config dns=/nowhere/a.conf: No such file or directory; "
                "name a configuration file that can be read"
            ),
        ),
        (["dns=unbound"], ["dns=/tmp"], "--config dns=/tmp: Is a directory; name a configuration"),
        ([], ["a.conf"], "--config a.conf: write SEAT=FILE, such as dns=/etc/unbound/unbound.conf"),
    ],
)
def test_words_that_make_no_sense_are_refused_with_a_remedy(subjects, configs, told):
    with pytest.raises(SeatingError) as refused:
        Seating.read(subjects, configs, ROSTER)
    assert str(refused.value).startswith(told)


def test_every_subject_of_the_roster_is_called_by_its_name():
    for name, subject in SUBJECTS.items():
        assert subject.name == name
        assert subject.seats
        assert subject.package


# --- plans --------------------------------------------------------------------------------------


def test_the_local_dns_servers_seat_is_where_somebody_asks():
    names = [node.name for node, _ in places(plan_of("forwarders"), "dns")]
    assert names == ["dns"]
    assert [node.name for node, _ in places(plan_of("merger"), "dns")] == ["dns", "dns2"]
    assert [node.name for node, _ in places(plan_of("cluster-nat"), "nat")] == ["translator"]


def test_seats_are_filled_and_the_rest_stays_ours():
    both = Seating({"dns": "unbound", "translator": "unbound"})
    plan = seated(plan_of("cluster-nat"), both, roster=ROSTER)
    where = {("dns", "resolver"): "unbound", ("translator", "dns-translator"): "unbound"}
    assert sitting(plan) == where
    assert sitting(seated(plan, DNS, roster=ROSTER)) == {("dns", "resolver"): "unbound"}
    left = seated(plan, both, leave=[("dns", "resolver")], roster=ROSTER)
    assert sitting(left) == {("translator", "dns-translator"): "unbound"}


@pytest.mark.parametrize(
    ("subject", "seat", "told"),
    [
        (Stock(installed=None), "dns", "Stock is not installed; `make servers` installs every"),
        (Stock(cannot="no rule below a rule"), "dns", "no rule below a rule"),
        (Stock(), "balancer", "Stock cannot be a load balancer"),
    ],
)
def test_who_cannot_sit_there_says_why(subject, seat, told):
    with pytest.raises(CannotFill) as refused:
        seated(plan_of("cluster-nat"), Seating({seat: "unbound"}), roster={"unbound": subject})
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize("topology", ["forwarders-windows", "forwarders-parallel"])
def test_nobody_else_can_be_set_to_another_servers_timers(topology, tmp_path):
    with pytest.raises(CannotFill, match="Stock has a way of its own to wait for its forwarders"):
        seated(plan_of(topology), DNS, roster=ROSTER)
    # What a user's own file does is judged, whatever timers it sets.
    config = tmp_path / "my.conf"
    config.write_text("mine")
    own = Seating({"dns": "unbound"}, {"dns": config})
    assert sitting(seated(plan_of(topology), own, roster=ROSTER)) == {
        ("dns", "resolver"): "unbound"
    }


def test_a_missing_package_is_told_with_the_command_that_installs_it():
    with pytest.raises(CannotFill, match="apt-get install --no-install-recommends stock`"):
        seated(plan_of("cluster"), DNS, roster={"unbound": Stock(installed=None)})


# --- faults and changes -------------------------------------------------------------------------


def test_a_fault_is_rendered_and_the_plan_that_judges_stays_as_meant():
    meant = plan_of("cluster")
    zone = meant.node("dns").program("resolver").config.forward[0].zone
    fault = OmitForward(zone=zone)
    filled_meant, actual = filled(scenario(Ask()), meant, apply_fault(meant, fault), DNS, ROSTER)

    def text(plan):
        return plan.node("dns").program("resolver").daemon.files[0][1]

    assert zone in text(filled_meant)
    assert zone not in text(actual)
    assert filled_meant.node("dns").program("resolver").config.forward


def test_a_users_own_file_is_not_changed_by_a_scenario(tmp_path):
    config = tmp_path / "my.conf"
    config.write_text("mine")
    seating = Seating({"dns": "unbound"}, {"dns": config})
    meant = plan_of("cluster")
    zone = meant.node("dns").program("resolver").config.forward[0].zone
    plan, _ = filled(scenario(Ask()), meant, meant, seating, ROSTER)
    assert plan.node("dns").program("resolver").daemon.files == (("stock.conf", "mine"),)
    told = f"it changes the configuration in the seat dns, and {config} is taken as it is"
    with pytest.raises(CannotFill, match=told):
        filled(scenario(Ask()), meant, apply_fault(meant, OmitForward(zone=zone)), seating, ROSTER)
    with pytest.raises(CannotFill, match=told):
        reconfigured(plan, "dns", plan.node("dns").program("resolver"), seating, ROSTER)
    config.unlink()
    with pytest.raises(InputRefused, match=f"{config}: No such file"):
        filled(scenario(Ask()), meant, meant, seating, ROSTER)


def test_a_users_own_file_that_cannot_be_understood_ends_the_run(tmp_path):
    class Reading(Stock):
        def adopt(self, sitting, config):
            del sitting
            adopt_files(config, lambda source, _: statements_of(source))

    config = tmp_path / "my.conf"
    config.write_text("options { recursion yes;\n")
    meant = plan_of("cluster")
    with pytest.raises(InputRefused, match=f'{config}: line 1: a "{{" that nothing closes; write'):
        filled(
            scenario(Ask()),
            meant,
            meant,
            Seating({"dns": "unbound"}, {"dns": config}),
            {"unbound": Reading()},
        )


def test_a_changed_program_is_rendered_again_where_a_subject_sits():
    plan = seated(plan_of("cluster"), DNS, roster=ROSTER)
    program = plan.node("dns").program("resolver")
    assert reconfigured(plan, "dns", program, DNS, ROSTER) == program
    ours = plan_of("cluster").node("dns").program("resolver")
    assert reconfigured(plan, "dns", ours, DNS, ROSTER) is ours


# --- no part in it ------------------------------------------------------------------------------

PLAY = Play(node="dns", program="resolver", script=Script(silent=True))


@pytest.mark.parametrize(
    ("steps", "taken"),
    [
        ((PLAY, Ask()), True),
        ((Halt(node="server1"), PLAY, Ask()), True),
        ((Ask(), PLAY), False),
        ((Elapse(seconds=1), PLAY), False),
        ((PLAY, Ask(), Resume(node="dns", program="resolver")), False),
        (
            (PLAY, Repeat(times=2, steps=(Ask(), Resume(node="dns", program="resolver")))),
            False,
        ),
    ],
)
def test_a_scripted_server_that_is_there_from_the_start_has_the_seat(steps, taken):
    asked = scenario(*steps)
    assert scripted(asked) == ({("dns", "resolver")} if taken else set())
    plan, _ = filled(asked, plan_of("cluster"), plan_of("cluster"), DNS, ROSTER)
    assert sitting(plan) == ({} if taken else {("dns", "resolver"): "unbound"})
    told = "Stock has no part in it: a scripted server sits in the resolver seat of dns"
    assert absences(asked, plan_of("cluster"), DNS, ROSTER) == ({"dns": told} if taken else {})


def test_a_subject_without_its_seat_has_no_part():
    seating = Seating({"dns": "unbound", "nat": "nftables"})
    assert absences(scenario(Ask()), plan_of("cluster"), seating, ROSTER) == {
        "nat": "Kernel has no part in it: cluster has no NAT translator"
    }


# --- patience -----------------------------------------------------------------------------------


def test_questions_wait_as_long_as_servers_take_unless_they_are_meant_not_to():
    steps = (
        Ask(),
        Ask(patience_s=0.5),
        Repeat(times=2, steps=(AskMany(name="a.example", count=2),)),
        Until(answer="is-empty", deadline_s=6, steps=(Ask(patience_s=90),)),
        Elapse(seconds=1),
    )
    first, short, repeat, until, elapse = patient(steps)
    assert first.patience_s == PATIENCE_S
    assert short.patience_s == 0.5
    assert repeat.steps[0].patience_s == PATIENCE_S
    assert until.steps[0].patience_s == 90
    assert until.deadline_s == 6
    assert elapse == steps[-1]
