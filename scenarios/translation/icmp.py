from lab.judge.checks import EchoAnswered, ErrorTranslated, NoRealAddressOnClientSide, Translated
from lab.scenario.model import Ask, Connect, Datagram, Expectation, Ping, Scenario

ALIAS = "192.168.1.102"

NO_REAL_ADDRESS = Expectation(
    text="No real address appears on the viewers' side, not even inside an error",
    rules=("CLU-11", "NAT-02"),
    check=NoRealAddressOnClientSide(),
)

SCENARIOS = {
    "echo": Scenario(
        title="An echo request to an alias is answered from the alias",
        story="""Whoever looks for a fault pings first. An echo request to the alias must reach the
server behind it and come back from the alias.""",
        topology="cluster-nat",
        steps=(Ping(to=ALIAS), Ask(), Connect(to=ALIAS)),
        expectations=(
            Expectation(
                text="The echo is answered from the alias",
                rules=("ICM-01",),
                check=EchoAnswered(address=ALIAS),
            ),
            Expectation(
                text="Echo and reply are translated, checksums right, TTL one less",
                rules=("NAT-13", "NAT-14"),
                check=Translated(protocols=("icmp",)),
            ),
            NO_REAL_ADDRESS,
        ),
    ),
    "error": Scenario(
        title="An ICMP error comes back translated, with the packet inside it",
        story="""A datagram to a closed port makes the server's kernel answer "port unreachable" and
quote the packet it got: with the real address in it. The translator must turn the quotation back
too, or the viewer could not tell which of its packets is meant.""",
        topology="cluster-nat",
        steps=(Datagram(to=ALIAS, port=9), Ask(), Connect(to=ALIAS)),
        expectations=(
            Expectation(
                text="The error comes from the alias and quotes the packet as the viewer sent it",
                rules=("ICM-02",),
                check=ErrorTranslated(address=ALIAS, type=3, code=3),
            ),
            NO_REAL_ADDRESS,
        ),
    ),
}
