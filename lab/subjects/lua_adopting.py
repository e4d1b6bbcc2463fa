"""A user's configuration in Lua (kresd.conf, dnsdist.conf): a program cannot be edited safely, so
what it calls to listen, to drop privileges or to tell the world of itself is replaced before it
begins, on its first line, and each call is told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from lab.exchange.source import Source
from lab.subjects.adopting import FOLDER, Edit, Taking, own_words
from lab.subjects.rendering import with_port
from resolver.machine import Endpoint

_KRESD: Final = {
    "net.listen": "listens at {where} instead",
    "user": "runs as who starts it",
}
_DNSDIST: Final = {
    "setLocal": "listens at {where} instead",
    "addLocal": "listens at {where} instead",
    "addTLSLocal": "listens at {where} instead, without TLS",
    "addDOHLocal": "listens at {where} instead, without TLS",
    "addDNSCryptBind": "listens at {where} instead, without DNSCrypt",
    "controlSocket": "has no console in the lab",
    "webserver": "has no web server in the lab",
    "carbonServer": "no metrics leave the lab",
    "snmpAgent": "no metrics leave the lab",
}
_CACHE_PLACE: Final = re.compile(r"""lmdb://[^'"\s]*""")


def kresd_edits(source: Source, _: Taking, listen: Iterable[Endpoint]) -> Iterator[Edit]:
    """The edits of a kresd.conf."""
    where = tuple(listen)
    calls = [f"net.listen('{each.address}', {each.port}, {{ kind = 'dns' }})" for each in where]
    nothing = "function() return true end"
    first = [*calls, f"net.listen('{FOLDER}/control.sock', nil, {{ kind = 'control' }})"]
    first += [f"rawset(net, 'listen', {nothing})", f"user = {nothing}"]
    yield Edit(0, 0, " ".join(first) + " ")
    yield from _told(source, _KRESD, where)
    for found in _CACHE_PLACE.finditer(source.text):
        told = f"{found[0]}: the cache is in the server's own folder"
        yield Edit(found.start(), found.end(), f"lmdb://{FOLDER}/cache", told)


def dnsdist_edits(source: Source, _: Taking, listen: Iterable[Endpoint]) -> Iterator[Edit]:
    """The edits of a dnsdist.conf."""
    where = tuple(listen)
    first, *others = map(with_port, where)
    calls = [f'setLocal("{first}")', *(f'addLocal("{each}")' for each in others)]
    calls += [f"{name} = function() end" for name in _DNSDIST]
    yield Edit(0, 0, " ".join(calls) + " ")
    yield from _told(source, _DNSDIST, where)


def _told(source: Source, calls: dict[str, str], where: Iterable[Endpoint]) -> Iterator[Edit]:
    """An edit that changes nothing for each line with such a call, for what it tells."""
    addresses = ", ".join(map(with_port, where))
    names = "|".join(map(re.escape, calls))
    for found in re.finditer(
        rf"^[^\n]*?(?<![\w.])({names})\s*\([^\n]*$", source.text, re.MULTILINE
    ):
        line = found[0]
        if line.lstrip().startswith("--"):
            continue
        at = source.text.index(found[1], found.start())
        told = f"{own_words([line])}: {calls[found[1]].format(where=addresses)}"
        yield Edit(at, at, "", told)
