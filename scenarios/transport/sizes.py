from lab.judge.checks import Answered, AskedTimes, ReplyFits, TruncationTold
from lab.scenario.messages import Edns, Message
from lab.scenario.model import Ask, Expectation, Play, Reply, Scenario, Script

SIZES = {"big1232": 1200, "big1400": 1300, "big4000": 3900}
"""Names in the example zone, and how long their answers are at least."""


def with_size(size: int) -> Message:
    return Message(edns=Edns(size=size))


SCENARIOS = {
    "plain_client": Scenario(
        title="A client without EDNS gets at most 512 octets over UDP, and is told of the cut",
        story="""The answer has nearly 600 octets. A client that does not say what it can take may
be sent 512: it gets a reply with TC set, and fetches the whole answer over TCP.""",
        topology="forwarders",
        steps=(
            Ask(name="big600.example.com", qtype="TXT"),
            Ask(name="big600.example.com", qtype="TXT", transport="tcp"),
        ),
        expectations=(
            Expectation(
                text="No reply over UDP has more than 512 octets, and TC is set",
                rules=("TRN-05",),
                check=ReplyFits(name="big600.example.com", truncated=True),
            ),
            Expectation(
                text="The cut is told, for records are missing",
                rules=("TRN-04", "TRN-05"),
                check=TruncationTold(of="itself"),
            ),
            Expectation(
                text="One question upstream served both",
                rules=("CCH-01",),
                check=AskedTimes(name="big600.example.com", times=1),
            ),
        ),
    ),
    "as_large_as_offered": Scenario(
        title="Answers of 1232, 1400 and 4000 octets arrive whole where the client takes them",
        story="""The client says that it takes 4096 octets. Answers up to that size come whole over
UDP: no server on the way may cut them to an older limit of its own.""",
        topology="forwarders",
        steps=tuple(
            Ask(name=f"{name}.example.com", qtype="TXT", message=with_size(4096)) for name in SIZES
        ),
        expectations=tuple(
            Expectation(
                text=f"{name} comes whole, in {octets} octets or more",
                rules=("TRN-09",),
                check=ReplyFits(
                    name=f"{name}.example.com", truncated=False, at_least_octets=octets
                ),
            )
            for name, octets in SIZES.items()
        ),
    ),
    "never_larger_than_offered": Scenario(
        title="No reply over UDP is larger than the client says it can take",
        story="""Clients say how much they can take; a datagram larger than that is lost to them.
The same answer goes to clients that say 512, 600, 1231, 1232 and 4096 octets: each gets the whole
of it or is told of the cut, and no reply is longer than the client said.""",
        topology="forwarders",
        steps=(
            Ask(name="big600.example.com", qtype="TXT", message=with_size(4096)),
            Ask(name="big600.example.com", qtype="TXT", message=with_size(512)),
            Ask(name="big1400.example.com", qtype="TXT", message=with_size(4096)),
            Ask(name="big1400.example.com", qtype="TXT", message=with_size(600)),
            Ask(name="big1400.example.com", qtype="TXT", message=with_size(1231)),
            Ask(name="big1400.example.com", qtype="TXT", message=with_size(1232)),
        ),
        expectations=(
            Expectation(
                text="No reply is longer than its client said",
                rules=("TRN-10",),
                check=ReplyFits(),
            ),
            *(
                Expectation(
                    text=f"A client with {size} octets is told of the cut",
                    rules=("TRN-10", "TRN-04"),
                    check=ReplyFits(advertised=size, truncated=True),
                )
                for size in (512, 600, 1231, 1232)
            ),
            Expectation(
                text="A client with 4096 octets gets it whole",
                rules=("TRN-10",),
                check=ReplyFits(advertised=4096, truncated=False),
            ),
        ),
    ),
    "below_512": Scenario(
        title="A size below 512 counts as 512",
        story="""A client says that it takes 100 octets. Every DNS client takes 512, so that is
what it means: it gets its answer of more than 100 octets.""",
        topology="caches",
        steps=(
            Play(
                node="origin",
                program="authority",
                script=Script(
                    replies=(
                        Reply(answer=tuple(f"@ 60 IN A 198.51.100.{n}" for n in range(1, 21))),
                    )
                ),
            ),
            Ask(name="www.example.com", message=with_size(100)),
            Ask(name="two.example.com", message=with_size(0)),
        ),
        expectations=(
            Expectation(
                text="A reply of more than 300 octets, and not cut",
                rules=("EDN-06",),
                check=ReplyFits(truncated=False, at_least_octets=300),
            ),
            Expectation(
                text="with all of the answer",
                rules=("EDN-06",),
                check=Answered(name="www.example.com", count=20),
            ),
        ),
    ),
    "a_cut_upstream": Scenario(
        title="That an answer was cut upstream is passed on by a relay",
        story="""The load balancer truncates its answer. The DNS translator passes messages on as
they are, TC with them: without the bit, the DNS server would take half a list of servers for the
whole.""",
        topology="cluster-nat",
        steps=(
            *(
                Play(
                    node=node,
                    program="balancer",
                    script=Script(
                        replies=(
                            Reply(
                                transport="udp",
                                truncated=True,
                                answer=("@ 2 IN A 192.168.1.100",),
                            ),
                            Reply(
                                answer=("@ 2 IN A 192.168.1.100", "@ 2 IN A 192.168.1.102"),
                            ),
                        )
                    ),
                )
                for node in ("server1", "server2")
            ),
            Ask(),
        ),
        expectations=(
            Expectation(
                text="The translator keeps the TC bit",
                rules=("TRN-04",),
                check=TruncationTold(server="translator", of="upstream"),
            ),
            Expectation(
                text="The viewer gets an address of the whole answer",
                rules=("TRN-04",),
                check=Answered(among=("192.168.1.100", "192.168.1.102")),
            ),
        ),
    ),
}
