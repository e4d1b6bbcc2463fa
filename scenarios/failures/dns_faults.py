from lab.judge.checks import (
    Answered,
    ArrivedInPieces,
    AskedTimes,
    NotHeldUp,
    PortRefused,
    TruncatedThenTcp,
)
from lab.scenario.messages import Edns, Message
from lab.scenario.model import (
    Ask,
    Await,
    Elapse,
    Expectation,
    Halt,
    Play,
    Reply,
    Resume,
    Scenario,
    Script,
)

RIGHT = "@ 60 IN A 198.51.100.80"
LIE = "@ 60 IN A 198.51.100.66"
NAME = "www.example.com"


def served_by_the_second(
    title: str, story: str, reply: Reply, *more: Reply, within_s: float
) -> Scenario:
    """Forwarder 1 misbehaves; the viewer gets forwarder 2's answer."""
    return Scenario(
        title=title,
        story=story,
        topology="forwarders",
        steps=(
            Play(node="forwarder1", program="resolver", script=Script(replies=(reply, *more))),
            Ask(name=NAME),
        ),
        expectations=(
            Expectation(
                text="The viewer gets the right answer in time",
                rules=("FWD-06", "SEC-03"),
                check=Answered(name=NAME, addresses=("198.51.100.80",), within_s=within_s),
            ),
        ),
    )


SCENARIOS = {
    **{
        rcode.lower(): served_by_the_second(
            f"The first forwarder answers {rcode}: the second is asked at once",
            f"""Forwarder 1 answers every question with {rcode}. That is no answer: the DNS server
goes on to forwarder 2 without waiting, and the viewer notices nothing.""",
            Reply(rcode=rcode),
            within_s=0.5,
        )
        for rcode in ("SERVFAIL", "REFUSED", "NOTIMP")
    },
    "formerr": Scenario(
        title="The first forwarder answers FORMERR: asked again without EDNS, then believed",
        story="""Forwarder 1 answers every question with FORMERR. It may only be older than EDNS, so
the DNS server asks it again without; FORMERR once more is about the question itself, which no other
forwarder would understand either. The viewer is told so at once.""",
        topology="forwarders",
        steps=(
            Play(
                node="forwarder1",
                program="resolver",
                script=Script(replies=(Reply(rcode="FORMERR", echoes_edns=False),)),
            ),
            Ask(name=NAME),
        ),
        expectations=(
            Expectation(
                text="The question is repeated without EDNS",
                rules=("EDN-08",),
                check=AskedTimes(name=NAME, to=("203.0.113.101",), times=2),
            ),
            Expectation(
                text="The viewer is told FORMERR",
                rules=("FWD-09",),
                check=Answered(name=NAME, rcode="FORMERR", count=0, within_s=0.5),
            ),
        ),
    ),
    "nxdomain": Scenario(
        title="The first forwarder answers NXDOMAIN: that is an answer",
        story="""Forwarder 1 says that the name does not exist. Nobody asks forwarder 2 for a second
opinion: the viewer is told so at once.""",
        topology="forwarders",
        steps=(
            Play(
                node="forwarder1",
                program="resolver",
                script=Script(
                    replies=(
                        Reply(
                            rcode="NXDOMAIN",
                            authority=("example.com. 5 IN SOA ns. root. 1 3600 600 86400 5",),
                        ),
                    )
                ),
            ),
            Ask(name=NAME),
        ),
        expectations=(
            Expectation(
                text="The viewer is told NXDOMAIN",
                rules=("FWD-10", "FWD-06"),
                check=Answered(name=NAME, rcode="NXDOMAIN", count=0, within_s=0.5),
            ),
        ),
    ),
    **{
        key: served_by_the_second(
            title,
            f"""Forwarder 1's replies {what}. The DNS server believes none of them and
asks forwarder 2 when forwarder 1's time is over.""",
            Reply(fault=fault, answer=(LIE,)),
            within_s=1.2,
        )
        for key, fault, title, what in (
            ("wrong_id", "wrong-id", "Replies with a wrong ID", "have another ID"),
            ("wrong_port", "wrong-port", "Replies from a wrong port", "come from another port"),
            (
                "wrong_question",
                "other-name",
                "Replies to another question",
                "are about another name",
            ),
            ("no_octets", "empty", "Replies without a single octet", "have no octets"),
        )
    },
    "late": served_by_the_second(
        "A reply that comes after the timeout",
        """Forwarder 1 thinks for 1.6 s. The DNS server waits for one, and asks forwarder 2.""",
        Reply(answer=(LIE,), delay_s=1.6),
        within_s=1.2,
    ),
    "closed_tcp": served_by_the_second(
        "A truncated reply, and a server that closes TCP connections at once",
        """Forwarder 1 says over UDP that its answer is too long, and closes each TCP connection
without a word. The DNS server takes that for an error and asks forwarder 2.""",
        Reply(transport="udp", truncated=True),
        Reply(transport="tcp", closes_stream=True),
        within_s=1.2,
    ),
    "refused_tcp": Scenario(
        title="A truncated reply, and a server that takes no TCP: the next one is asked at once",
        story="""Forwarder 1 says over UDP that its answer is too long, but nobody listens for TCP
there: its kernel resets the connection. The DNS server need not wait, and asks forwarder 2.""",
        topology="forwarders",
        steps=(
            Play(
                node="forwarder1",
                program="resolver",
                script=Script(replies=(Reply(truncated=True),), refuses_tcp=True),
            ),
            Ask(name=NAME),
        ),
        expectations=(
            Expectation(
                text="The truncated answer is fetched over TCP, in vain",
                rules=("FWD-22",),
                check=TruncatedThenTcp(asker="dns"),
            ),
            Expectation(
                text="The viewer gets forwarder 2's answer without a timeout",
                rules=("FWD-06", "FWD-19"),
                check=Answered(name=NAME, addresses=("198.51.100.80",), within_s=0.5),
            ),
        ),
    ),
    "slow_tcp": Scenario(
        title="A server that dribbles its answer over TCP holds nobody up",
        story="""Forwarder 1 says over UDP that its answer to one question is too long, and sends it
over TCP octet by octet, ten in a second. The DNS server does not wait for the end: its timer runs
on, and forwarder 2 is asked. Another client's question in the meantime is answered at once.""",
        topology="forwarders",
        steps=(
            Play(
                node="forwarder1",
                program="resolver",
                script=Script(
                    replies=(
                        Reply(name=NAME, transport="udp", truncated=True),
                        Reply(name=NAME, answer=(LIE,), dribble_s=0.1),
                        Reply(answer=("@ 60 IN A 198.51.100.81",)),
                    )
                ),
            ),
            Ask(name=NAME, wait=False, label="slow"),
            Elapse(seconds=0.3),
            Ask(name="two.example.com", node="stranger", server="192.168.1.53"),
            Await(label="slow"),
        ),
        expectations=(
            Expectation(
                text="The truncated answer is fetched over TCP",
                rules=("FWD-22",),
                check=TruncatedThenTcp(asker="dns"),
            ),
            Expectation(
                text="The other client is not held up",
                rules=("TRN-11",),
                check=NotHeldUp(asker="stranger", name="two.example.com", slow=NAME, within_s=0.3),
            ),
            Expectation(
                text="The viewer gets the right answer, of forwarder 2",
                rules=("FWD-02",),
                check=Answered(name=NAME, addresses=("198.51.100.80",), within_s=2.5),
            ),
        ),
    ),
    "fragmented": Scenario(
        title="An answer larger than an Ethernet frame comes in fragments, and whole",
        story="""The viewer takes 4,096 octets over UDP, and the DNS server's answer has nearly as
many. It leaves in three fragments and is put together again by the viewer's kernel.""",
        topology="forwarders",
        steps=(
            Ask(name="big4000.example.com", qtype="TXT", message=Message(edns=Edns(size=4096))),
        ),
        expectations=(
            Expectation(
                text="The reply comes in fragments of at most 1,500 octets",
                rules=("FLT-07",),
                check=ArrivedInPieces(name="big4000.example.com", mtu=1500),
            ),
            Expectation(
                text="It is whole",
                rules=("TRN-09",),
                check=Answered(name="big4000.example.com", qtype="TXT"),
            ),
        ),
    ),
    "port_closed": Scenario(
        title="The DNS server's port is closed: nobody waits for it",
        story="""The DNS server's program has ended. Its host's kernel answers each question with
"port unreachable", so whoever asks knows at once; when the program runs again, it serves as
before.""",
        topology="forwarders",
        steps=(
            Halt(node="dns", program="resolver"),
            Ask(name=NAME),
            Resume(node="dns", program="resolver"),
            Ask(name="two.example.com"),
        ),
        expectations=(
            Expectation(
                text="The viewer is told at once that nobody listens",
                rules=("FLT-06",),
                check=PortRefused(name=NAME),
            ),
            Expectation(
                text="Afterwards it is served",
                rules=("FLT-05",),
                check=Answered(name="two.example.com", within_s=0.5),
            ),
        ),
    ),
}
