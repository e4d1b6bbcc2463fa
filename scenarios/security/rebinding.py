from lab.judge.checks import Answered, AnswerHolds, AskedTimes
from lab.scenario.model import Ask, Expectation, Scenario

REBIND, HALF = "rebind.example.com", "halfrebind.example.com"


def rebinding(topology: str, ours: str, addresses: tuple[str, ...], story: str) -> Scenario:
    return Scenario(
        title=f"Private addresses from outside are kept out, and those of {ours} pass",
        story=f"""A name on the Internet leads to a private address: a web page may use it to make
the visitor's browser talk to machines in his own network (DNS rebinding). The DNS server leaves
such addresses out of what others answer. {story}""",
        topology=topology,
        steps=(
            Ask(name=REBIND),
            Ask(name=HALF),
            Ask(name=ours),
            Ask(name=REBIND),
            Ask(name=ours),
        ),
        expectations=(
            Expectation(
                text="A private address from outside is not told, at first nor from the cache",
                rules=("SEC-02",),
                check=AnswerHolds(name=REBIND, records=()),
            ),
            Expectation(
                text="It had been asked for",
                rules=("SEC-02",),
                check=AskedTimes(name=REBIND, at_least=1),
            ),
            Expectation(
                text="Of two addresses, the public one remains",
                rules=("SEC-02",),
                check=AnswerHolds(name=HALF, records=(f"{HALF} A 198.51.100.81",)),
            ),
            Expectation(
                text="Our own private addresses pass",
                rules=("SEC-02",),
                check=Answered(name=ours, addresses=addresses),
            ),
        ),
    )


SCENARIOS = {
    "own_domain": rebinding(
        "conditional",
        "intranet.corp.internal",
        ("10.20.0.80",),
        """But the company's own domain has private addresses by right: these must pass.""",
    ),
    "cluster": rebinding(
        "cluster-internet",
        "internet.intern.netz",
        ("192.168.1.100", "192.168.1.101"),
        """But a cluster's name leads to nothing but LAN addresses, the very ones that the
attacker's name means: these must pass, or the protection breaks what it is to protect.""",
    ),
}
