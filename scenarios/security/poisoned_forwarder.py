from lab.judge.checks import Answered, AskedTimes, NeverUsed, NothingSent
from lab.scenario.model import Ask, Expectation, Play, Reply, Scenario, Script

EVIL = "192.168.1.66"
"""The stranger's address: what he would like names to lead to."""

ASKED, ITS_ANSWER = "intranet.corp.internal", "10.20.0.80"
HONEST = f"{ASKED}. 60 IN A {ITS_ANSWER}"


def poison(
    what: str,
    story: str,
    victim: str,
    expected: str,
    *,
    answer: tuple[str, ...] = (),
    authority: tuple[str, ...] = (),
    additional: tuple[str, ...] = (),
    honest: str = HONEST,
    its_answer: str = ITS_ANSWER,
) -> Scenario:
    """The server of corp.internal adds records to its answers; later the victim is asked for."""
    return Scenario(
        title=f"A forwarder's word ends at its domain: {what}",
        story=f"""The server that the company's own domain is forwarded to has been taken over. It
answers what it is asked, and adds a gift. {story} The names that it speaks of are resolved
elsewhere, and must not feel it (the MaginotDNS attacks of 2023).""",
        topology="conditional",
        steps=(
            Play(
                node="corp",
                program="authority",
                script=Script(
                    replies=(
                        Reply(
                            name=ASKED,
                            answer=(honest, *answer),
                            authority=authority,
                            additional=additional,
                        ),
                    )
                ),
            ),
            Ask(name=ASKED),
            Ask(name=victim),
        ),
        expectations=(
            Expectation(
                text="Nothing of the gift is used or told, and the victim is answered",
                rules=("SEC-06",),
                check=NeverUsed(address=EVIL, name=victim),
            ),
            Expectation(
                text="with its true address",
                rules=("SEC-06",),
                check=Answered(name=victim, addresses=(expected,)),
            ),
            Expectation(
                text="The stranger hears nothing from the DNS server",
                rules=("SEC-06",),
                check=NothingSent(node="dns", to=(EVIL,)),
            ),
            Expectation(
                text="What the forwarder was asked is answered",
                rules=("SEC-06",),
                check=Answered(name=ASKED, addresses=(its_answer,)),
            ),
        ),
    )


PUBLIC, ITS_ADDRESS = "www.public.tailspintoys.com", "198.51.100.90"
"""Resolved from the root: forwarding ends at public.tailspintoys.com."""

SCENARIOS = {
    "name_servers_above": poison(
        "name servers for com",
        """It names itself as a name server of com, with its address. Whoever kept that would ask
it for every name below com from then on.""",
        PUBLIC,
        ITS_ADDRESS,
        authority=("com. 86400 IN NS ns1.corp.internal.",),
        additional=(f"ns1.corp.internal. 86400 IN A {EVIL}",),
    ),
    "name_servers_of_the_root": poison(
        "name servers for the root",
        """It names itself as a root server.""",
        PUBLIC,
        ITS_ADDRESS,
        authority=(". 86400 IN NS a.root-servers.",),
        additional=(f"a.root-servers. 86400 IN A {EVIL}",),
    ),
    "a_redirected_tree": poison(
        "a DNAME above its domain",
        """It redirects the whole of com to a tree of its own, with a DNAME record.""",
        PUBLIC,
        ITS_ADDRESS,
        answer=("com. 86400 IN DNAME corp.internal.", f"{PUBLIC}. 86400 IN A {EVIL}"),
    ),
    "answers_to_other_questions": poison(
        "answers that nobody asked for",
        """It puts the address of another name into its answer.""",
        PUBLIC,
        ITS_ADDRESS,
        answer=(f"{PUBLIC}. 86400 IN A {EVIL}",),
    ),
    "glue_of_a_sibling": poison(
        "the address of a server of another domain",
        """It adds an address for a server of com that others look for, as if it were glue.""",
        PUBLIC,
        ITS_ADDRESS,
        additional=(f"a.nic.com. 86400 IN A {EVIL}", f"{PUBLIC}. 86400 IN A {EVIL}"),
    ),
    "another_rules_names": poison(
        "a name that another forwarder is asked for",
        """It adds an address of a name in tailspintoys.com, which is forwarded elsewhere.""",
        "www.tailspintoys.com",
        "198.51.100.11",
        answer=(f"www.tailspintoys.com. 86400 IN A {EVIL}",),
        authority=("tailspintoys.com. 86400 IN NS ns1.corp.internal.",),
        additional=(f"ns1.corp.internal. 86400 IN A {EVIL}",),
    ),
    "an_alias_with_an_answer": poison(
        "an alias that leads out of it, with an answer",
        """It makes its name an alias of the victim's, and says at once where that leads.""",
        PUBLIC,
        ITS_ADDRESS,
        honest=f"{ASKED}. 60 IN CNAME {PUBLIC}.",
        answer=(f"{PUBLIC}. 86400 IN A {EVIL}",),
        its_answer=ITS_ADDRESS,
    ),
    "recursion_after_forwarders": Scenario(
        title="A forwarder's word ends where own recursion begins",
        story="""The first forwarder answers a question and adds that it is a name server of com,
with an address of its liking. Later all forwarders refuse, and the DNS server resolves names
itself: from the root, and never by way of what a forwarder said. A shared cache would lead it
astray.""",
        topology="forwarders-recursion",
        steps=(
            Play(
                node="forwarder1",
                program="resolver",
                script=Script(
                    replies=(
                        Reply(
                            name="www.example.com",
                            answer=("@ 60 IN A 198.51.100.80",),
                            authority=("com. 86400 IN NS ns1.com.", ". 86400 IN NS ns1.com."),
                            additional=(f"ns1.com. 86400 IN A {EVIL}",),
                        ),
                        Reply(rcode="REFUSED"),
                    )
                ),
            ),
            *(
                Play(
                    node=node,
                    program="resolver",
                    script=Script(replies=(Reply(rcode="REFUSED"),)),
                )
                for node in ("forwarder2", "forwarder3")
            ),
            Ask(name="www.example.com"),
            Ask(name="n1.example.com"),
        ),
        expectations=(
            Expectation(
                text="What the forwarder added is never used, and the later name is answered",
                rules=("SEC-06",),
                check=NeverUsed(address=EVIL, name="n1.example.com"),
            ),
            Expectation(
                text="Own recursion begins at the root",
                rules=("SEC-06",),
                check=AskedTimes(below=".", to=("203.0.113.10",), at_least=1),
            ),
            Expectation(
                text="and finds the true address",
                rules=("SEC-06",),
                check=Answered(name="n1.example.com", addresses=("198.51.101.1",)),
            ),
        ),
    ),
}
