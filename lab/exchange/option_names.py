"""What options a product's configuration may have: a misspelled one is told, not passed over.

`option_names.tsv` has the names that Debian 12's servers take: BIND 9.18 (in the file, a view, a
zone or the options), Unbound 1.17, dnsmasq 2.90 and the PowerDNS Recursor 4.8 (recursor.conf). Each
of these servers refuses a file with any other.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from lab.exchange.source import Source
from lab.exchange.table import Collected

Product: TypeAlias = Literal["bind", "unbound", "dnsmasq", "powerdns"]

_TABLE: Final = Path(__file__).with_name("option_names.tsv")
_CALLED: Final[Mapping[str, str]] = {
    "bind": "BIND 9.18",
    "unbound": "Unbound 1.17",
    "dnsmasq": "dnsmasq 2.90",
    "powerdns": "PowerDNS Recursor 4.8",
}


@cache
def option_names() -> Mapping[str, frozenset[str]]:
    """The options by product."""
    lines = _TABLE.read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return MappingProxyType(
        {each: frozenset(option for product, option in rows if product == each) for each in _CALLED}
    )


def tell_unknown(
    found: Collected, source: Source, offset: int, product: Product, option: str
) -> None:
    """Remark on an option that the product does not know."""
    known = option_names()[product]
    if option in known:
        return
    near = difflib.get_close_matches(option, known, n=1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    found.remark(source, offset, f"{option}: not read: {_CALLED[product]} has no such option{hint}")
