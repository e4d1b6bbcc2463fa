"""What a check is told is checked where it is written: a typo must not become a FAILED verdict."""

from collections.abc import Iterator
from typing import Annotated, get_args, get_origin

import pytest
from pydantic import ValidationError

from lab.judge import checks

KINDS = get_args(get_args(checks.Check)[0])
NODES = {
    "asker",
    "blocked",
    "node",
    "relays",
    "router",
    "sender",
    "server",
    "servers",
    "to",
    "translator",
    "victim",
}
"""Plain text here is a node's name, which `lab.scenario.fitting` looks up."""
NETWORKS = {"network", "outside"}
"""Likewise a network's name."""
TEXT = {"label", "problems", "rdata", "records", "steps"}
"""What the check itself reads."""


def is_plain(annotation: object) -> bool:
    """Whether a field takes any text at all."""
    if get_origin(annotation) is Annotated:
        return False
    return annotation is str or any(map(is_plain, get_args(annotation)))


def plain_fields() -> Iterator[str]:
    for kind in KINDS:
        for name, field in kind.model_fields.items():
            # pydantic keeps the outermost Annotated's parts apart from the annotation.
            if (
                name not in NODES | NETWORKS | TEXT
                and not field.metadata
                and is_plain(field.annotation)
            ):
                yield f"{kind.__name__}.{name}"


def test_text_that_is_no_nodes_name_is_a_value_of_its_kind() -> None:
    """Give such a field a type of lab.values, such as QueryType or Address."""
    assert list(plain_fields()) == []


@pytest.mark.parametrize(
    ("kind", "given", "complaint"),
    [
        (checks.Answered, {"rcode": "SERVFAL"}, "did you mean 'SERVFAIL'?"),
        (checks.Answered, {"qtype": "aaaa"}, "did you mean 'AAAA'?"),
        (checks.Answered, {"addresses": ("10.0.0",)}, "is no IP address"),
        (checks.Answered, {"name": "a..b"}, "no DNS name"),
        (checks.AskedInOrder, {"servers": ("server1",)}, "is no IP address"),
        (checks.NothingSent, {"node": "dns", "to": ("10.0.0.1/8",)}, "is no prefix"),
        (checks.NextAskedAfterError, {"error": "unreachble"}, "no RCODE 'unreachble'"),
        (checks.ErrorWithin, {"bound_s": 1, "rcodes": ("NXDOMAN",)}, "'NXDOMAIN'"),
    ],
)
def test_a_typo_is_refused_with_a_remedy(kind, given, complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        kind(**given)
    assert complaint in str(caught.value)


def test_values_take_the_spelling_of_captures() -> None:
    assert checks.Answered(rcode="RCODE3", qtype="TYPE28").rcode == "NXDOMAIN"
    assert checks.Answered(addresses=("FD00:20:0::7",)).addresses == ("fd00:20::7",)
    assert checks.NothingSent(node="dns", to=("10.0.0.0/8",)).to == ("10.0.0.0/8",)
