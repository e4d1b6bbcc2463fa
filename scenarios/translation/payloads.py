from lab.judge.checks import Answered, Delivered, Translated
from lab.scenario.model import (
    Ask,
    Emit,
    Expectation,
    Misconfigure,
    Scenario,
    SetNatOtherwise,
    Silence,
)

UNTOUCHED = Translated(protocols=("udp",))


def dns(*faults: SetNatOtherwise) -> Scenario:
    return Scenario(
        title=f"{'Broken on purpose: a' if faults else 'A'} DNS answer passes the translator as "
        "it is",
        story="""A client inside asks a name server outside for the server beside it. The answer is
the server's alias, and so it must stay: a translator that looks into answers (a DNS_ALG) would undo
what the load balancers have already done, and break every signature.""",
        topology="napt",
        steps=(
            *(Misconfigure(fault=fault) for fault in faults),
            Ask(node="client1", name="server.example.com", server="203.0.113.51"),
        ),
        expectations=(
            Expectation(
                text="The client gets the alias",
                rules=("NAT-17",),
                check=Answered(
                    asker="client1", name="server.example.com", addresses=("203.0.113.101",)
                ),
            ),
            Expectation(text="Nothing in it is changed", rules=("NAT-17",), check=UNTOUCHED),
        ),
        violates=("NAT-17",) if faults else (),
    )


OTHERS = Scenario(
    title="Addresses in FTP, SIP and other payloads are nobody's business",
    story="""Some translators look for addresses in the payloads of well-known ports and rewrite
them. What looks so by chance is damaged, and holes are opened for whoever writes such a line.""",
    topology="napt",
    steps=(
        Silence(node="client1"),
        Silence(node="ext1"),
        Silence(node="stranger"),
        Emit(
            packet="sip",
            node="client1",
            to="203.0.113.51",
            port=5060,
            source_port=5060,
            carries="INVITE sip:a@10.20.0.11:5060 SIP/2.0\r\nContact: <sip:a@10.20.0.11:5060>\r\n",
        ),
        Emit(packet="syn", node="client1", to="203.0.113.51", port=21, protocol="tcp"),
        Emit(packet="syn ack", node="ext1", answers="syn", protocol="tcp", flags="SA"),
        Emit(
            packet="ftp",
            node="client1",
            answers="syn ack",
            protocol="tcp",
            flags="PA",
            carries="\r\nPORT 10,20,0,11,19,137\r\n",
        ),
    ),
    expectations=(
        Expectation(
            text="What is sent arrives",
            rules=("NAT-17",),
            check=Delivered(packets=("sip", "ftp"), node="ext1"),
        ),
        Expectation(
            text="Not an octet of it is changed",
            rules=("NAT-17",),
            check=Translated(protocols=("tcp",)),
        ),
    ),
)

SCENARIOS = {"dns": dns(), "dns_rewritten": dns(SetNatOtherwise(dns_alg=True)), "others": OTHERS}
