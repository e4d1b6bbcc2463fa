"""The cluster FAQ's own sentences, step by step.

The FAQ (document A, "DNS forwarding for clusters with and without NAT") draws two figures and tells
how a single system works. Its words are given as printed; what they get wrong is said beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_MISPRINT = (
    "The FAQ prints .103 for server 3; its own table and rule (first alias + 2) give .102: "
    "topologies/README.md."
)


@dataclass(frozen=True, slots=True)
class FigureStep:
    """One numbered step of a figure."""

    sender: str
    """Roles, as in the plan."""
    receiver: str
    kind: str
    """As `Hop.kind`."""
    words: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the FAQ with its text."""

    title: str
    steps: tuple[FigureStep, ...]


SINGLE = Figure(
    "DNS for individual systems",
    (
        FigureStep(
            "viewer",
            "resolver",
            "query",
            "The request is first sent to the name server in the network.",
        ),
        FigureStep(
            "resolver",
            "viewer",
            "reply",
            "This resolves the requested name to the IP address of "
            "TightGate-Pro, gives this IP to the TightGate-Viewer …",
        ),
        FigureStep("viewer", "server", "syn", "… he can establish the connection."),
    ),
)

FIVE_STEPS = Figure(
    "DNS for clusters",
    (
        FigureStep(
            "viewer",
            "resolver",
            "query",
            "In step 1 the TightGate-Viewer asks the DNS server to "
            "which IP it should connect if it wants to connect to the server with the name "
            "internet.intern.netz server.",
        ),
        FigureStep(
            "resolver",
            "server",
            "query",
            "The DNS server cannot answer this enquiry itself, but "
            "asks in step 2 the load balancers of the TightGate-Pro cluster (in the example "
            "TightGate-Pro 1 and 2) which servers are available.",
        ),
        FigureStep(
            "server",
            "resolver",
            "reply",
            "In response, the DNS server in step 3 the response "
            "from the TightGate-Pro load balancer as to which TightGate-Pro servers are available "
            "(in the example TightGate-Pro 1 and 3).",
        ),
        FigureStep(
            "resolver",
            "viewer",
            "reply",
            "From this response, the DNS server selects one (in the "
            "example TightGate-Pro 3) and returns it in step 4 to the TightGate-Viewer in step 4.",
        ),
        FigureStep(
            "viewer",
            "server",
            "syn",
            "In step 5 the TightGate-Viewer makes a connection request "
            "to the IP address of the returned TightGate-Pro server.",
        ),
    ),
)

EIGHT_STEPS = Figure(
    "DNS for clusters with NAT",
    (
        FigureStep(
            "viewer",
            "resolver",
            "query",
            "In step 1 the TightGate-Viewer asks the DNS server to "
            "which server it should connect if it wants to connect to the server with the name "
            "internet.intern.netz name.",
        ),
        FigureStep(
            "resolver",
            "translator",
            "query",
            "However, the DNS server cannot answer this request "
            "itself and also cannot directly query the TightGate-Pro load balancers as it cannot "
            "reach them directly. It must therefore send the request in step 2 with the internal "
            "IP address of one of the two TightGate-Pro load balancers (192.168.1.100 or "
            "192.168.1.101 in the example) to the DNS translator.",
        ),
        FigureStep(
            "translator",
            "server",
            "query",
            "For its part, the DNS translator must be configured "
            "to act as a DNS forwarder for the domain internet.intern.netz domain and, for its "
            "part, is configured in step 3 the load balancers of TightGate-Pro with their NAT "
            "addresses (in the example 10.10.10.100 or 10.10.10.101) …",
        ),
        FigureStep(
            "server",
            "translator",
            "reply",
            "The TightGate-Pro load balancers respond in step 4 "
            "to the DNS translator which TightGate-Pro servers are currently available. In doing "
            "so, TightGate-Pro immediately returns the correct LAN IP addresses (in the example "
            "TightGate-Pro 1 and 3, which corresponds to the IP addresses 192.168.1.100 and "
            "192.168.1.103).",
            _MISPRINT,
        ),
        FigureStep(
            "translator",
            "resolver",
            "reply",
            "The DNS converter forwards these addresses in step 5 to the internal DNS server …",
        ),
        FigureStep(
            "resolver",
            "viewer",
            "reply",
            "… which forwards them in step 6 to the TightGate-Viewer.",
        ),
        FigureStep(
            "viewer",
            "translator",
            "syn",
            "The TightGate-Viewer can now be opened in step 7 make "
            "a connection request with the correct LAN address of the available TightGate-Pro "
            "server (192.168.1.103 in the example).",
            _MISPRINT,
        ),
        FigureStep(
            "translator",
            "server",
            "syn",
            "The NAT converter knows that the address must be NAT "
            "converted to the NAT address of TightGate-Pro 3 (10.10.10.103 in the example) and "
            "establishes the connection in step 8 establishes the connection.",
            _MISPRINT,
        ),
    ),
)

FIGURES = (SINGLE, FIVE_STEPS, EIGHT_STEPS)


def figure_of(steps: Sequence[tuple[str, str, str]]) -> Figure | None:
    """The figure whose steps begin like these (sender's role, receiver's role, kind), as far as
    these go; None where no figure, or more than one, does."""
    fitting = [
        figure
        for figure in FIGURES
        if len(steps) <= len(figure.steps)
        and all(
            (step.sender, step.receiver, step.kind) == seen
            for step, seen in zip(figure.steps, steps, strict=False)
        )
    ]
    return fitting[0] if len(fitting) == 1 else None


def numbered(steps: Mapping[int, tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Steps by number, from 1 on, as far as they go without a gap."""
    found: list[tuple[str, str, str]] = []
    while (step := steps.get(len(found) + 1)) is not None:
        found.append(step)
    return found
