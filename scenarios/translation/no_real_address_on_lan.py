from lab.judge.checks import NoRealAddressOnClientSide, NothingSent
from lab.scenario.model import (
    Ask,
    Connect,
    Datagram,
    Expectation,
    Halt,
    Ping,
    Repeat,
    Resume,
    Scenario,
)


def everything(topology: str, asked: str) -> Scenario:
    return Scenario(
        title=f"No real address is ever seen on the LAN (DNS asks {asked})",
        story="""Questions over UDP and TCP, connections, echoes, errors, a dead server and its
return: whatever happens, the viewers' network sees alias addresses only, in headers, in answers and
in the packets that errors quote.""",
        topology=topology,
        steps=(
            Ask(),
            Connect(),
            Ask(transport="tcp"),
            Ask(qtype="AAAA"),
            Ping(to="192.168.1.101"),
            Datagram(to="192.168.1.100", port=9),
            Halt(node="server3"),
            Connect(to="192.168.1.102", patience_s=4.0),
            Resume(node="server3"),
            Repeat(times=3, every_s=0.2, steps=(Ask(), Connect(to="192.168.1.100"))),
        ),
        expectations=(
            Expectation(
                text="No header, answer or quoted packet on the viewers' side shows one",
                rules=("CLU-11", "NAT-02"),
                check=NoRealAddressOnClientSide(),
            ),
            Expectation(
                text="The DNS server sends nothing to a real address",
                rules=("CLU-09",),
                check=NothingSent(node="dns", to=("10.10.10.0/24",)),
            ),
            Expectation(
                text="The viewer sends nothing to a real address",
                rules=("CLU-11",),
                check=NothingSent(node="viewer", to=("10.10.10.0/24",)),
            ),
        ),
    )


SCENARIOS = {
    "translator_address": everything("cluster-nat", "the translator"),
    "alias_addresses": everything("cluster-nat-aliases", "the aliases"),
}
