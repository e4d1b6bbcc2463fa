from lab.judge.checks import Answered, NeverUsed, NothingSent
from lab.scenario.model import Ask, Expectation, Play, Reply, Scenario, Script

EVIL = "192.168.1.66"
"""The stranger's address: what he would like names to lead to."""

CLUSTER, FIRST = "internet.intern.netz", "192.168.1.100"
VICTIM, ITS_ADDRESS = "www.example.com", "198.51.100.80"
"""Resolved from the root, and no business of the cluster's."""


def poison(
    what: str,
    story: str,
    *,
    answer: tuple[str, ...] = (),
    authority: tuple[str, ...] = (),
    additional: tuple[str, ...] = (),
) -> Scenario:
    """The load balancer adds records to its answer; later the victim is asked for."""
    return Scenario(
        title=f"A load balancer's word ends at the cluster's name: {what}",
        story=f"""A load balancer has been taken over. It answers what it is asked, and adds a
gift, which the translator hands on with the answer. {story} The DNS server resolves other names
itself, and must not feel it (the MaginotDNS attacks of 2023, by way of a translator).""",
        topology="cluster-internet",
        steps=(
            *(
                Play(
                    node=node,
                    script=Script(
                        replies=(
                            Reply(
                                name=CLUSTER,
                                answer=(f"{CLUSTER}. 60 IN A {FIRST}", *answer),
                                authority=authority,
                                additional=additional,
                            ),
                        )
                    ),
                )
                for node in ("server1", "server2")
            ),
            Ask(name=CLUSTER),
            Ask(name=VICTIM),
        ),
        expectations=(
            Expectation(
                text="Nothing of the gift is used or told, and the victim is answered",
                rules=("SEC-06",),
                check=NeverUsed(address=EVIL, name=VICTIM, relays=("translator",)),
            ),
            Expectation(
                text="with its true address",
                rules=("SEC-06",),
                check=Answered(name=VICTIM, addresses=(ITS_ADDRESS,)),
            ),
            Expectation(
                text="The stranger hears nothing from the DNS server",
                rules=("SEC-06",),
                check=NothingSent(node="dns", to=(EVIL,)),
            ),
            Expectation(
                text="What the load balancer was asked is answered",
                rules=("SEC-06",),
                check=Answered(name=CLUSTER, addresses=(FIRST,)),
            ),
        ),
    )


SCENARIOS = {
    "name_servers_above": poison(
        "name servers for com",
        """It names itself as a name server of com, with the stranger's address.""",
        authority=("com. 86400 IN NS ns.internet.intern.netz.",),
        additional=(f"ns.internet.intern.netz. 86400 IN A {EVIL}",),
    ),
    "name_servers_of_the_root": poison(
        "name servers for the root",
        """It says that the root server is where the stranger is.""",
        authority=(". 86400 IN NS a.root-servers.",),
        additional=(f"a.root-servers. 86400 IN A {EVIL}",),
    ),
    "answers_to_other_questions": poison(
        "answers that nobody asked for",
        """It puts the address of another name into its answer.""",
        answer=(f"{VICTIM}. 86400 IN A {EVIL}",),
    ),
    "a_redirected_tree": poison(
        "a DNAME above its domain",
        """It redirects the whole of com to a tree of its own, with a DNAME record.""",
        answer=(f"com. 86400 IN DNAME {CLUSTER}.", f"{VICTIM}. 86400 IN A {EVIL}"),
    ),
}
