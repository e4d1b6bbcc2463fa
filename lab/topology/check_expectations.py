"""What a document says is answered and reached, against what the configuration gives."""

from __future__ import annotations

from collections.abc import Iterator

from lab.topology.addressing import Address, address_of
from lab.topology.model import ExpectedAnswer
from lab.topology.nodes import Server
from lab.topology.problem import Problem
from lab.topology.survey import Survey
from lab.topology.values import place_in


def expectation_problems(survey: Survey) -> Iterator[Problem]:
    """Where the document's prose contradicts its configuration."""
    if survey.topology.cluster is None:
        for section in ("expected_answers", "expected_connections"):
            if getattr(survey.topology, section):
                yield Problem(
                    f"{section}[0]",
                    "it is about a cluster, and there is none",
                    "add [cluster] with its dns_name, or delete it",
                )
        return
    for index, expected in enumerate(survey.topology.expected_answers):
        yield from _answer(survey, expected, f"expected_answers[{index}]")
    for index, expected_connection in enumerate(survey.topology.expected_connections):
        yield from _connection(
            survey,
            expected_connection.dials,
            expected_connection.reaches,
            f"expected_connections[{index}]",
        )


def _answer(survey: Survey, expected: ExpectedAnswer, place: str) -> Iterator[Problem]:
    by_number = {server.number: server for server in survey.topology.servers()}
    unknown = [number for number in expected.available if number not in by_number]
    for number in unknown:
        yield Problem(
            f"{place}.available[{expected.available.index(number)}]",
            f"there is no server {number}",
            f"the numbers are {', '.join(map(str, sorted(by_number)))}",
        )
    servers = [by_number[number] for number in expected.available if number in by_number]
    parts = {part.name for part in map(survey.topology.sub_cluster_of, servers) if part}
    if parts & {part.name for part in survey.doubtful}:
        return
    if len(parts) > 1:
        yield Problem(
            f"{place}.available",
            f"these servers are of several sub-clusters: {', '.join(sorted(parts))}",
            "write one expected answer for each",
        )
    if unknown or len(parts) > 1:
        return
    addresses: list[Address] = []
    for position, text in enumerate(expected.addresses):
        address = address_of(text)
        if address is None:
            where = place_in(f"{place}.addresses", position, expected.addresses)
            yield Problem(where, f'"{text}" is no IP address', 'write one like "192.168.1.100"')
            return
        addresses.append(address)
    answered = {server.number: _answered(survey, server, addresses) for server in servers}
    if not all(answered.values()):  # what is wrong with the server has been said
        return
    yield from _differences(survey, expected.addresses, addresses, answered, place)


def _answered(survey: Survey, server: Server, like: list[Address]) -> tuple[Address, ...]:
    """What a load balancer answers for the server, of the IP versions in `like`."""
    versions = {address.version for address in like}
    part = survey.topology.sub_cluster_of(server)
    if part is not None and part.behind_nat_on is not None:
        alias = survey.alias(server)
        return (alias,) if alias is not None else ()
    if survey.flawed(server):
        return ()
    return tuple(address for address in survey.real(server) if address.version in versions)


def _differences(
    survey: Survey,
    texts: tuple[str, ...],
    expected: list[Address],
    answered: dict[int, tuple[Address, ...]],
    place: str,
) -> Iterator[Problem]:
    given = {address: number for number, pair in answered.items() for address in pair}
    lacking = [(address, number) for address, number in given.items() if address not in expected]
    for position, address in enumerate(expected):
        where = place_in(f"{place}.addresses", position, texts)
        if address in expected[:position]:
            yield Problem(where, f"{address} is in this list already", "list each address once")
        elif address not in given:
            whose = _whose(survey, address)
            if lacking:
                right, number = lacking.pop(0)
                yield Problem(where, whose, _counted(survey, number, right))
            else:
                numbers = " and ".join(map(str, sorted(answered)))
                yield Problem(where, whose, f"take it out: available is only {numbers}")
    limit = survey.topology.cluster.answers if survey.topology.cluster is not None else 0
    if limit:  # an answer holds some of the available servers only, whichever these are
        if len(expected) > limit:
            yield Problem(
                f"{place}.addresses",
                f"{len(expected)} addresses are more than cluster.answers allows",
                f"write {limit}, or raise cluster.answers",
            )
        return
    for address, number in lacking:
        yield Problem(
            f"{place}.addresses",
            f"{address} of server {number} is not in the list, and the server is available",
            "add it, or take the server out of available",
        )


def _whose(survey: Survey, address: Address) -> str:
    owner = survey.owner(address)
    server = survey.behind_alias(address)
    if server is not None:
        return f"{address} is server {server.number}'s alias, which is not available"
    if owner is None:
        return f"no server has {address}"
    if isinstance(owner.node, Server):
        return f"{address} is not what is answered for server {owner.node.number}"
    return f"{address} is {owner.node.name}'s, which is no server"


def _counted(survey: Survey, number: int, right: Address) -> str:
    server = next(one for one in survey.topology.servers() if one.number == number)
    part = survey.topology.sub_cluster_of(server)
    if part is not None and part.alias_base is not None:
        counted = f"alias base {part.alias_base} + {number - 1} gives {right}"
        return f"{counted} for server {number}: write that"
    return f"write {right}, which server {number} has"


def _connection(survey: Survey, dials: str, reaches: str, place: str) -> Iterator[Problem]:
    dialled, reached = address_of(dials), address_of(reaches)
    for where, text, address in (("dials", dials, dialled), ("reaches", reaches, reached)):
        if address is None:
            yield Problem(
                f"{place}.{where}", f'"{text}" is no IP address', 'write one like "192.168.1.100"'
            )
    if dialled is None or reached is None:
        return
    if survey.doubtful:  # whose alias it would be cannot be said
        return
    server = survey.behind_alias(dialled)
    owner = survey.owner(dialled)
    if server is None and owner is not None and isinstance(owner.node, Server):
        server = owner.node
    if server is None:
        if not survey.questioned(dialled):
            yield Problem(
                f"{place}.dials",
                f"no server has {dialled}",
                "write the address a viewer connects to, behind NAT the alias",
            )
        return
    real = survey.real(server)
    if real and reached not in real:
        yield Problem(
            f"{place}.reaches",
            f"{dialled} leads to server {server.number} at {real[0]}, not to {reached}",
            f"write {real[0]}",
        )
