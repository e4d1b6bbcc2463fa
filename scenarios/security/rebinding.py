from lab.judge.checks import Answered, AnswerHolds, AskedTimes
from lab.scenario.model import Ask, Expectation, Scenario

REBIND, HALF, PRIVATE = (
    "rebind.example.com",
    "halfrebind.example.com",
    "intranet.corp.internal",
)

SCENARIO = Scenario(
    title="Private addresses from outside are kept out, and those of our own domains pass",
    story="""A name on the Internet leads to a private address: a web page may use it to make the
visitor's browser talk to machines in his own network (DNS rebinding). The DNS server leaves such
addresses out of what others answer. But the company's own domain has private addresses by right,
and a cluster's names lead to nothing else: these must pass, or the protection breaks what it is to
protect.""",
    topology="conditional",
    steps=(Ask(name=REBIND), Ask(name=HALF), Ask(name=PRIVATE), Ask(name=REBIND)),
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
            text="Our own domain's private address passes",
            rules=("SEC-02",),
            check=Answered(name=PRIVATE, addresses=("10.20.0.80",)),
        ),
    ),
)
