"""Steps in words, with everything about them that is out of the ordinary."""

import pytest

from lab.scenario.description import describe, longest_s
from lab.scenario.model import (
    Ask,
    AskMany,
    Edns,
    Message,
    Reconfigure,
    RemoveForward,
    RemoveZone,
    SetForward,
    SetZone,
)

RECORDS = "@ 60 IN SOA ns hostmaster 1 3600 600 86400 60\n@ 60 IN NS ns\nns 60 IN A 192.0.2.1\n"
ODD_EDNS = "EDNS version 1, 0 octets, 2 times, EDNS flags 0x0001, EDNS option 65001"
CHANGES = (
    "it hosts a.test; it no longer hosts b.test; c.test goes to 10.0.0.1, then 10.0.0.2; "
    "forwarding ends at d.test; no forward rule for e.test"
)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Ask(), "viewer asks A (the cluster)"),
        (
            Ask(name="a.test", qtype="TYPE65280", transport="tcp", pieces=3, server="10.0.0.1"),
            "viewer asks TYPE65280 a.test at 10.0.0.1 over TCP in 3 pieces",
        ),
        (
            Ask(name="a.test", message=Message(rd=False, ad=True, cd=True, z=True, qclass="CH")),
            "viewer asks A CH a.test (RD clear, AD, CD, Z)",
        ),
        (
            Ask(name="a.test", message=Message(opcode=5, tsig=True, fault="no-question")),
            "viewer asks A a.test (opcode 5, TSIG, broken: no-question)",
        ),
        (
            Ask(name="a.test", message=Message(edns=Edns(do=True))),
            "viewer asks A a.test (EDNS, 1232 octets, DO)",
        ),
        (
            Ask(
                name="a.test",
                message=Message(
                    edns=Edns(version=1, size=0, copies=2, flags=1, options=((65001, "ab"),))
                ),
            ),
            f"viewer asks A a.test ({ODD_EDNS})",
        ),
        (
            AskMany(name="n{n}.test", count=1000, at_once=50),
            "viewer asks 1000 times, at most 50 at once: A n{n}.test",
        ),
        (
            AskMany(name="n.test", count=20, transport="tcp"),
            "viewer asks 20 times, at once: A n.test over TCP",
        ),
        (
            Reconfigure(
                node="dns",
                changes=(
                    SetZone(origin="a.test", records=RECORDS),
                    RemoveZone(origin="b.test"),
                    SetForward(zone="c.test", servers=("10.0.0.1", "10.0.0.2")),
                    SetForward(zone="d.test"),
                    RemoveForward(zone="e.test"),
                ),
            ),
            f"resolver of dns is reconfigured: {CHANGES}",
        ),
    ],
)
def test_a_step_in_words(step, words: str) -> None:
    assert describe(step) == words


@pytest.mark.parametrize(
    ("step", "bound_s"),
    [
        (AskMany(name="a", count=1000, at_once=300, patience_s=2), 8),
        (AskMany(name="a", count=10, at_once=300, patience_s=2), 2),
        (AskMany(name="a", count=10, patience_s=2, transport="tcp"), 4),
    ],
)
def test_many_questions_take_so_long_in_vain(step, bound_s: float) -> None:
    assert longest_s((step,)) == bound_s
