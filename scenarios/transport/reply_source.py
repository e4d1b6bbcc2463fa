from lab.judge.checks import Answered, RepliesFromAskedAddress
from lab.scenario.model import Ask, Expectation, Scenario

SCENARIOS = {
    "two_addresses": Scenario(
        title="A server with two addresses replies from the one that was asked",
        story="""A client takes a reply only from the address it asked. A server with several
addresses must not leave the choice to its routing table.""",
        topology="caches",
        steps=tuple(
            Ask(name="www.example.com", server=address, transport=transport)
            for transport in ("udp", "tcp")
            for address in ("192.168.1.56", "192.168.1.57")
        ),
        expectations=(
            Expectation(
                text="Each reply comes from the address that was asked",
                rules=("TRN-13",),
                check=RepliesFromAskedAddress(
                    server="dual", addresses=("192.168.1.56", "192.168.1.57")
                ),
            ),
            Expectation(
                text="so each question is answered",
                rules=("TRN-13",),
                check=Answered(name="www.example.com", addresses=("198.51.100.80",)),
            ),
        ),
    ),
    "behind_aliases": Scenario(
        title="The DNS translator replies from the alias that was asked",
        story="""The DNS server asks the load balancers at their aliases. The DNS translator
answers there itself, and its replies must come from the alias: from its own address, no client
would take them.""",
        topology="cluster-nat-aliases",
        steps=(
            Ask(),
            Ask(node="stranger", server="192.168.1.101"),
            Ask(node="stranger", server="192.168.1.100", transport="tcp"),
        ),
        expectations=(
            Expectation(
                text="Each reply comes from the alias that was asked",
                rules=("TRN-13",),
                check=RepliesFromAskedAddress(
                    server="translator", addresses=("192.168.1.100", "192.168.1.101")
                ),
            ),
            Expectation(
                text="so the viewer is answered",
                rules=("TRN-13",),
                check=Answered(among=("192.168.1.100", "192.168.1.101", "192.168.1.102")),
            ),
        ),
    ),
}
