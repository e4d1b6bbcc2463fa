from lab.judge.checks import ReplayedAlike
from lab.scenario.model import Expectation, Replay, Scenario
from lab.scenario.replay import CapturedAnswer, ReplayedQuestion

CLUSTER, INTERNET = "internet.intern.netz", "www.example.com"
FIRST, SECOND = "192.168.1.100", "192.168.1.101"
ITS_ADDRESS = "198.51.100.80"

STANDARD_QUERY = "0100 0001 0000 0000 0000"
"""RD, and one question: the header behind the ID (RFC 1035 4.1.1)."""
A_IN = "0001 0001"


def asked(
    frame: int, at_s: float, client: str, name: str, *addresses: str, rcode: str = "NOERROR"
) -> ReplayedQuestion:
    """A question as `forwardlab replay` takes it out of a capture, with what it got there."""
    labels = "".join(f"{len(label):02x}{label.encode().hex()}" for label in name.split("."))
    return ReplayedQuestion(
        frame=frame,
        at_s=at_s,
        node="viewer",
        client=client,
        text=f"A {name}",
        octets=f"{STANDARD_QUERY}{labels}00{A_IN}".replace(" ", ""),
        answer=CapturedAnswer(rcode=rcode, addresses=addresses, wait_ms=1.0),
    )


def replayed(title: str, story: str, its_address: str) -> Scenario:
    """What three clients asked in a production network, asked again with its spacing."""
    return Scenario(
        title=title,
        story=story,
        topology="cluster-internet",
        steps=(
            Replay(
                questions=(
                    asked(1, 0.0, "172.16.0.11", CLUSTER, FIRST),
                    asked(5, 0.25, "172.16.0.12", INTERNET, its_address),
                    asked(9, 0.5, "172.16.0.13", CLUSTER, SECOND),
                    asked(13, 0.75, "172.16.0.11", f"no-such-name.{INTERNET}", rcode="NXDOMAIN"),
                )
            ),
        ),
        expectations=(
            Expectation(
                text="Every question gets what it got when it was captured",
                rules=("RPL-01",),
                check=ReplayedAlike(),
            ),
        ),
        violates=() if its_address == ITS_ADDRESS else ("RPL-01",),
    )


SCENARIOS = {
    "alike": replayed(
        "Questions of a capture are asked again: the lab answers as the network did",
        """Three clients asked in a production network, and somebody captured it. In the lab their
questions leave with the spacing that they had. The cluster's name may get another of the cluster's
addresses: which one is a matter of the moment.""",
        ITS_ADDRESS,
    ),
    "moved_since": replayed(
        "Questions of a capture are asked again: one name has moved since",
        """The same questions, from a capture made when www.example.com stood somewhere else. The
lab must notice: what it proves would not be about that network.""",
        "198.51.100.79",
    ),
}
