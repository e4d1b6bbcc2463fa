"""What is typed in the shell: read into orders, refused with what can be typed, completed."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from walked import plan_of

from lab.scenario.model import Ask, Connect, Elapse, Halt, Resume, Visit
from lab.teaching.completion import candidates, programs_on_path
from lab.teaching.nodes import names_of
from lab.teaching.orders import (
    ACTIONS,
    VERBS,
    Act,
    NotUnderstood,
    Quit,
    RepairAll,
    Run,
    SaveCapture,
    Show,
    read_order,
)

NAT = plan_of("cluster-nat")
HOSTED = plan_of("hosted")


@pytest.mark.parametrize(
    ("line", "order"),
    [
        ("", None),
        ("   # a remark", None),
        ("viewer lookup", Act(Ask())),
        ("viewer lookup aaaa", Act(Ask(qtype="AAAA"))),
        ("viewer lookup www.test mx", Act(Ask(name="www.test", qtype="MX"))),
        ("viewer lookup MX www.test", Act(Ask(name="www.test", qtype="MX"))),
        ("viewer lookup @192.168.1.1", Act(Ask(server="192.168.1.1"))),
        ("viewer lookup @nat", Act(Ask(server="192.168.1.1"))),
        ("dns lookup @lb1", Act(Ask(node="dns", server="192.168.1.100"))),
        ("translator lookup @lb1", Act(Ask(node="translator", server="10.10.10.100"))),
        ("viewer connect", Act(Connect())),
        ("viewer connect 192.168.1.101", Act(Connect(to="192.168.1.101"))),
        ("viewer connect server2 80", Act(Connect(to="192.168.1.101", port=80))),
        ("'TightGate-Viewer' connect", Act(Connect())),
        ("viewer visit", Act(Visit(profile="one-shot"))),
        ("viewer visit musl", Act(Visit(profile="musl"))),
        ("fail lb1", Act(Halt(node="server1"))),
        ("fail nat", Act(Halt(node="translator"))),
        ("fail server1 service", Act(Halt(node="server1", program="service"))),
        ("fail lb1 balancer", Act(Halt(node="server1", program="balancer"))),
        ("repair lb1", Act(Resume(node="server1"))),
        ("repair dns resolver", Act(Resume(node="dns", program="resolver"))),
        ("repair", RepairAll()),
        ("wait 2.5", Act(Elapse(seconds=2.5))),
        ("capture", Show("ladder")),
        ("capture some.pcapng", SaveCapture(Path("some.pcapng"))),
        ("nodes", Show("nodes")),
        ("judge", Show("judge")),
        ("rules", Show("judge")),
        ("help", Show("help")),
        ("quit", Quit()),
        ("exit", Quit()),
        ("server1 ip route", Run("server1", ("ip", "route"))),
        ("nat sh -c 'ip route | wc'", Run("translator", ("sh", "-c", "ip route | wc"))),
    ],
)
def test_lines_are_read(line, order):
    assert read_order(line, NAT) == order


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("viewr lookup", "did you mean 'viewer'"),
        ("nodez", "no command and no node 'nodez'; did you mean 'nodes'"),
        ("xyzzy", "help shows what there is"),
        ("viewer", "what shall viewer do? lookup, connect, visit, or a program"),
        ("fail", "write fail NODE, or fail NODE PROGRAM"),
        ("fail lb1 service now", "write fail NODE"),
        ("fail lb9", "no node 'lb9'; did you mean 'lb[12]'"),
        ("fail lb1 servce", "server1 has no program 'servce'; did you mean 'service'"),
        ("fail viewer resolver", "viewer has no program 'resolver'; known are none"),
        ("repair stranger nat", "stranger has no program 'nat'"),
        ("wait", "say how many seconds: wait 2.5"),
        ("wait long", "say how many seconds"),
        ("wait -1", "say how many seconds"),
        ("wait inf", "at most 3600 s at a time"),
        ("wait nan", "say how many seconds"),
        ("wait 1e9", "at most 3600 s at a time"),
        ("wait 1 2", "say how many seconds"),
        ("capture one two", "write capture, or capture FILE"),
        ("nodes all", "nodes takes no more words"),
        ("quit now", "quit takes no more words"),
        ("viewer lookup a.test b.test", "'b.test' is one word too many"),
        ("viewer lookup a..b", "label"),
        ("viewer lookup @nobody", "no node 'nobody'"),
        ("server1 lookup", "set up to ask no DNS server; name one: server1 lookup"),
        ("server1 visit", "set up to ask no DNS server"),
        ("viewer connect nowhere", "no node 'nowhere'"),
        ("viewer connect 192.168.1.100 http", "'http' is no port"),
        ("viewer connect 192.168.1.100 0", "'0' is no port: write a number from 1 to 65535"),
        ("viewer connect 192.168.1.100 65536", "'65536' is no port: write a number from 1"),
        ("viewer connect 192.168.1.100 80 90", "'90' is one word too many"),
        ("viewer visit netscape", "no viewer 'netscape'"),
        ("viewer visit musl glibc", "'glibc' is one word too many"),
        ("viewer lookup 'half", "no closing quotation"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_can(line, told):
    with pytest.raises(NotUnderstood, match=told.replace("?", r"\?")) as refused:
        read_order(line, NAT)
    assert "\n" not in str(refused.value)


def test_without_a_cluster_a_name_must_be_given():
    viewer = HOSTED.with_role("viewer")[0].name
    with pytest.raises(NotUnderstood, match="hosted has no cluster: say what name"):
        read_order(f"{viewer} lookup", HOSTED)
    with pytest.raises(NotUnderstood, match="nothing to visit"):
        read_order(f"{viewer} visit", HOSTED)


WORDS = st.sampled_from([*VERBS, *ACTIONS, *names_of(NAT), "A", "@dns", "5", "'", '"', "#", "\\"])


@given(st.lists(WORDS | st.text(max_size=6), max_size=6).map(" ".join))
def test_any_line_is_an_order_or_refused(line):
    with suppress(NotUnderstood):
        read_order(line, NAT)


# --- completion ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "begun", "found"),
    [
        ([], "f", ["fail"]),
        ([], "lb", ["lb1", "lb2"]),
        (["fail"], "l", ["lb1", "lb2"]),
        (["fail", "lb1"], "", ["balancer", "service"]),
        (["fail", "lb1", "service"], "", []),
        (["repair", "nat"], "d", ["dns-translator"]),
        (["viewer"], "", ["connect", "lookup", "visit"]),
        (["viewer"], "lo", ["lookup"]),
        (["viewer", "lookup"], "inter", ["internet.intern.netz"]),
        (["viewer", "lookup"], "A", ["A", "AAAA"]),
        (["viewer", "lookup"], "@d", ["@dns"]),
        (["viewer", "connect"], "192", ["192.168.1.100", "192.168.1.101", "192.168.1.102"]),
        (["viewer", "connect", "lb1"], "", []),
        (["viewer", "visit"], "mu", ["musl"]),
        (["viewer", "dig"], "@192.168.1.5", ["@192.168.1.53"]),
        (["nobody"], "", []),
        (["fail", "nobody"], "", []),
        (["wait"], "", []),
    ],
)
def test_what_can_follow_is_offered(before, begun, found):
    assert candidates(before, begun, NAT, lambda: ["dig", "lookout"]) == found


def test_programs_are_offered_where_no_action_fits():
    assert candidates(["viewer"], "di", NAT, lambda: ["dig", "ping"]) == ["dig"]
    assert candidates(["viewer"], "l", NAT, lambda: ["ls"]) == ["lookup"]
    assert "sh" in programs_on_path()


def test_captures_here_are_offered(tmp_path, monkeypatch):
    (tmp_path / "seen.pcapng").touch()
    (tmp_path / "other.txt").touch()
    monkeypatch.chdir(tmp_path)
    assert candidates(["capture"], "", NAT) == ["seen.pcapng"]


@given(st.lists(WORDS, max_size=3), st.text("flbv@A19", max_size=3))
def test_every_word_offered_begins_as_typed(before, begun):
    found = candidates(before, begun, NAT, lambda: ["fmt"])
    assert all(word.startswith(begun) and " " not in word for word in found)
    assert found == sorted(set(found))
