from lab.judge.checks import Answered, AskedInOrder, AskedOnly, NothingSent, SpellingsAlike
from lab.scenario.model import (
    Ask,
    Expectation,
    Reconfigure,
    RemoveForward,
    Scenario,
    SetForward,
)

SHORTER, LONGER = "10.20.0.53", "172.31.255.255"
TOYS = "toys.widgets.tailspintoys.com"

OTHER_WAY_ROUND = Reconfigure(
    node="dns",
    changes=(
        RemoveForward(zone="tailspintoys.com"),
        SetForward(zone="tailspintoys.com", servers=(SHORTER,), timeout_s=1.0),
    ),
)
"""The shorter condition moves to the end of the list."""


def toys(title: str, story: str, *before: Reconfigure) -> Scenario:
    return Scenario(
        title=title,
        story=story,
        topology="longest-match",
        steps=(*before, Ask(name=TOYS)),
        expectations=(
            Expectation(
                text="The question goes to 172.31.255.255, the server of widgets.tailspintoys.com",
                rules=("CND-02",),
                check=AskedInOrder(servers=(LONGER,), name=TOYS, times=1),
            ),
            Expectation(
                text="The server of tailspintoys.com sees no packet",
                rules=("CND-02",),
                check=NothingSent(node="dns", to=(SHORTER,)),
            ),
            Expectation(
                text="The client gets the longer condition's answer",
                rules=("CND-02",),
                check=Answered(name=TOYS, addresses=("198.51.100.22",)),
            ),
        ),
    )


SCENARIOS = {
    "toys_widgets": toys(
        "toys.widgets.tailspintoys.com goes to 172.31.255.255: the longest condition wins",
        """The worked example on the length of domain names. A query for
toys.widgets.tailspintoys.com arrives. It is compared with both tailspintoys.com and
widgets.tailspintoys.com; the latter more closely matches; so the query goes to the DNS server with
the IP address 172.31.255.255. The other server would answer too, with another address: whoever asks
it is found out.""",
    ),
    "in_any_order": toys(
        "The longest condition wins in whatever order the conditions are configured",
        """The same two conditions, entered the other way round: first widgets.tailspintoys.com,
then tailspintoys.com. Which is the longest does not depend on which comes first.""",
        OTHER_WAY_ROUND,
    ),
    "whole_labels": Scenario(
        title="A condition matches whole labels, and its own name too",
        story="""mywidgets.tailspintoys.com ends in the same letters as widgets.tailspintoys.com
and has nothing to do with it: names are compared label by label. And the domain name of a
condition is itself in the domain.""",
        topology="longest-match",
        steps=(
            Ask(name="mywidgets.tailspintoys.com"),
            Ask(name="www.mywidgets.tailspintoys.com"),
            Ask(name="widgets.tailspintoys.com"),
            Ask(name="tailspintoys.com"),
        ),
        expectations=(
            Expectation(
                text="mywidgets.tailspintoys.com does not match widgets.tailspintoys.com",
                rules=("CND-03",),
                check=AskedOnly(servers=(SHORTER,), below="mywidgets.tailspintoys.com"),
            ),
            Expectation(
                text="widgets.tailspintoys.com itself matches its condition",
                rules=("CND-03",),
                check=AskedInOrder(servers=(LONGER,), name="widgets.tailspintoys.com", times=1),
            ),
            Expectation(
                text="tailspintoys.com itself matches its condition",
                rules=("CND-03",),
                check=AskedInOrder(servers=(SHORTER,), name="tailspintoys.com", times=1),
            ),
            Expectation(
                text="Each name has its own server's address",
                rules=("CND-03",),
                check=Answered(name="mywidgets.tailspintoys.com", addresses=("198.51.100.13",)),
            ),
            Expectation(
                text="The apex of the longer one has the longer one's",
                rules=("CND-03",),
                check=Answered(name="widgets.tailspintoys.com", addresses=("198.51.100.20",)),
            ),
        ),
    ),
    "whatever_case": Scenario(
        title="Upper and lower case make no difference to the condition",
        story="""Names are compared without regard to case. Some people write them in capitals, and
some resolvers mix the case at random to make forgeries harder (0x20). The condition chosen is the
same, whether the name lies below it or is its own.""",
        topology="longest-match",
        steps=(
            Ask(name="toys.widgets.tailspintoys.com"),
            Ask(name="www.WIDGETS.TAILSPINTOYS.COM"),
            Ask(name="WiDgEtS.tAiLsPiNtOyS.cOm"),
            Ask(name="nS1.wIdGeTs.TaIlSpInToYs.CoM"),
        ),
        expectations=(
            Expectation(
                text="Four spellings of the domain, one server",
                rules=("CND-11",),
                check=SpellingsAlike(
                    domain="widgets.tailspintoys.com", spellings=4, servers=(LONGER,)
                ),
            ),
            Expectation(
                text="The server of tailspintoys.com sees no packet",
                rules=("CND-11",),
                check=NothingSent(node="dns", to=(SHORTER,)),
            ),
            Expectation(
                text="The name in mixed case is answered",
                rules=("CND-11",),
                check=Answered(name="widgets.tailspintoys.com", addresses=("198.51.100.20",)),
            ),
        ),
    ),
}
