"""Knot Resolver in the seats of the DNS server and of the DNS translator.

Written from its documentation for 5.6 (the Lua configuration). Its policies are tried in the order
of the file and decide once for a client's question: sub-questions stay with the servers chosen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from lab.subjects.adopting import adopt_files
from lab.subjects.dns_aliases import listens_at, with_redirect
from lab.subjects.lua_adopting import kresd_edits
from lab.subjects.rendering import (
    FOLDER,
    Text,
    add_rebinding_hint,
    forwarded_domains,
    fqdn,
    is_open,
    refuse_rewriting,
    root_hints_file,
    used_rules,
    version_told,
    what_for,
)
from lab.subjects.subject import CannotFill, SeatName, Sitting, SubjectName
from lab.topology.plan import PlannedDaemon
from resolver.config import DnsTranslatorConfig, ForwardRule, ResolverConfig, Selection
from resolver.dns import names

CONFIG: Final = "kresd.conf"
HINTS: Final = "root.hints"

_OCTETS_AN_ENTRY: Final = 1024
"""What an RRset takes in its cache file, with its key and the file's slack."""
_SMALLEST_CACHE_MIB: Final = 10

_ANY_4, _ANY_6 = "0.0.0.0", "::"  # noqa: S104 - the module looks at the family alone

_COMMAND: Final = ("kresd", "-n", "-c", f"{FOLDER}/{CONFIG}", FOLDER)


@dataclass(frozen=True, slots=True)
class KnotResolver:
    """The subject."""

    name: SubjectName = "knot"
    title: str = "Knot Resolver"
    package: str = "knot-resolver"
    seats: frozenset[SeatName] = frozenset({"dns", "translator"})

    def version(self) -> str | None:
        """As `kresd --version` tells it."""
        return version_told("kresd", "--version")

    def render(self, sitting: Sitting) -> PlannedDaemon:
        """Its configuration in Lua, and root hints."""
        config = sitting.config
        if isinstance(config, ResolverConfig):
            return self._daemon(sitting, _server_files(sitting, config))
        if isinstance(config, DnsTranslatorConfig):
            refuse_rewriting(self.title, config)
            return self._daemon(sitting, [(CONFIG, _translator_text(sitting, config))])
        raise CannotFill(f"{self.title} cannot sit in the seat {sitting.seat}")

    def adopt(self, sitting: Sitting, config: Path) -> PlannedDaemon:
        """The user's `kresd.conf`."""
        listen = listens_at(sitting.node, sitting.config)
        adopted = adopt_files(config, partial(kresd_edits, listen=listen))
        main, *others = adopted.files
        return self._daemon(sitting, [(CONFIG, main[1]), *others], adopted.overrides)

    def _daemon(
        self,
        sitting: Sitting,
        files: Iterable[tuple[str, str]],
        overrides: tuple[str, ...] = (),
    ) -> PlannedDaemon:
        # There is no reload: "restart the service" is what its documentation says of every change.
        daemon = PlannedDaemon(
            subject=self.name,
            version=self.version() or "",
            files=tuple(files),
            command=_COMMAND,
            overrides=overrides,
        )
        return with_redirect(daemon, sitting.node, sitting.config)


KNOT: Final = KnotResolver()


# --- the DNS server ---------------------------------------------------------------------------


def _server_files(sitting: Sitting, config: ResolverConfig) -> list[tuple[str, str]]:
    if config.zones:
        hosted = ", ".join(names.normalise(zone.origin) for zone in config.zones)
        raise CannotFill(
            f"Knot Resolver hosts no zones, and {hosted} is to be hosted; its hints are addresses "
            "without SOA, wildcards, aliases or the AA bit"
        )
    for rule in config.forward:
        if rule.recursion:
            raise CannotFill(
                "Knot Resolver never resolves by itself what it forwards: once the last server has "
                f"failed, the client is told SERVFAIL ({what_for(rule)})"
            )
    text = _head(sitting)
    _add_trust(text)
    _add_access(text, config)
    _add_rebinding(text, config)
    _add_forwarding(text, config)
    files = []
    if config.recursion:
        files.append((HINTS, root_hints_file(config)))
    _add_recursion(text, config)
    _add_cache(text, config)
    return [(CONFIG, str(text)), *files]


def _head(sitting: Sitting) -> Text:
    text = Text("--")
    text.heading(f'Knot Resolver as {sitting.node.label} of the network "{sitting.plan.title}".')
    text.add(
        "The addresses it is asked at, and no others of this machine.",
        *(
            f"net.listen('{each.address}', {each.port}, {{ kind = 'dns' }})"
            for each in listens_at(sitting.node, sitting.config)
        ),
    )
    if not any(":" in address for address in sitting.node.addresses()):
        text.add("No IPv6 here: nobody is asked by it.", "net.ipv6 = false")
    text.add(
        "UDP answers as large as clients of this network offer to take, 4096 octets at most; from "
        "servers no larger ones than pass without fragments (dnsflagday.net, 2020).",
        "net.bufsize(4096, 1232)",
    )
    return text


def _add_trust(text: Text) -> None:
    text.add(
        "No validation: private names have no chain of trust. Who validates keeps the root's trust "
        "anchor and exempts each private domain: trust_anchors.set_insecure({ 'intern.netz.' }).",
        "trust_anchors.remove('.')",
        "modules.unload('ta_update')",
        "modules.unload('ta_signal_query')",
        "modules.unload('ta_sentinel')",
    )
    text.add(
        "It asks the root servers for the time and for themselves when it starts. A server of "
        "private names asks nobody outside on its own account.",
        "modules.unload('detect_time_skew')",
        "modules.unload('priming')",
    )


def _add_access(text: Text, config: ResolverConfig) -> None:
    if is_open(config.recursion_for):
        text.heading("Whoever can reach it is served: who can is up to the network.")
        return
    allowed = [f"view:addr('{each}', policy.all(policy.PASS))" for each in config.recursion_for]
    text.add(
        "Who is served; all others are refused (RFC 5358: no resolver for strangers).",
        "modules.load('view')",
        *allowed,
        "view:addr('0.0.0.0/0', policy.all(policy.REFUSE))",
        "view:addr('::/0', policy.all(policy.REFUSE))",
    )


def _add_rebinding(text: Text, config: ResolverConfig) -> None:
    if not config.private_addresses:
        add_rebinding_hint(
            text, config, "modules.load('rebinding')", _local_allowed(forwarded_domains(config))
        )
        return
    prefixes = [
        f"\trenumber.prefix('{each}', '{_ANY_6 if ':' in each else _ANY_4}'),"
        for each in config.private_addresses
    ]
    text.add(
        "DNS rebinding: answers with an address of ours are refused whole …",
        "modules.load('rebinding < iterate')",
        "local renumber = require('kres_modules.renumber')",
        "rebinding.blacklist = {",
        *prefixes,
        "}",
    )
    if config.private_zones:
        text.add(
            "… but for domains that are ours.",
            _local_allowed(config.private_zones),
        )


def _local_allowed(domains: Iterable[str]) -> str:
    return f"policy.add(policy.suffix(policy.FLAGS('ALLOW_LOCAL'), {_names(domains)}))"


def _add_forwarding(text: Text, config: ResolverConfig) -> None:
    if config.forward:
        text.heading(
            "Forwarding: the first policy that fits decides, so longer domains stand first. Of "
            "several servers it asks the one that it thinks the fastest, in whatever order they "
            "are written, and waits 2 s for each; neither can be set. FORWARD, not STUB: this one "
            "passes a server's SERVFAIL on to the client instead of asking the next server, and "
            "keeps no answer that is not authoritative."
        )
    everything = False
    for rule in used_rules(config):
        everything |= names.normalise(rule.zone) == names.ROOT
        text.add(*_policy(rule))
    if not (config.recursion or everything):
        text.add(
            "All other names are nobody's here: nobody is asked for them.",
            "policy.add(policy.all(policy.REFUSE))",
        )


def _policy(rule: ForwardRule) -> tuple[str, str]:
    servers = "{ " + ", ".join(f"'{each.address}@{each.port}'" for each in rule.servers) + " }"
    which = what_for(rule).capitalize()
    domain = _names([rule.zone])
    if not rule.servers:
        return f"{which} are not forwarded.", f"policy.add(policy.suffix(policy.PASS, {domain}))"
    action = f"policy.FORWARD({servers})"
    if names.normalise(rule.zone) == names.ROOT:
        return f"{which}.", f"policy.add(policy.all({action}))"
    return f"{which}.", f"policy.add(policy.suffix({action}, {domain}))"


def _add_recursion(text: Text, config: ResolverConfig) -> None:
    if not config.recursion:
        return
    text.add(
        "What is not forwarded is resolved from these root servers.",
        "modules.load('hints > iterate')",
        f"hints.root_file('{FOLDER}/{HINTS}')",
    )
    if not config.qname_minimisation:
        text.add(
            "Servers are sent whole names.",
            "policy.add(policy.all(policy.FLAGS('NO_MINIMIZE')))",
        )


def _add_cache(text: Text, config: ResolverConfig) -> None:
    mebibytes = max(_SMALLEST_CACHE_MIB, -(-config.cache_entries * _OCTETS_AN_ENTRY // 2**20))
    text.add(
        "The cache is a file of this size; full, it is emptied.",
        f"cache.size = {mebibytes} * MB",
    )
    text.add(
        "How long things are remembered at most. There is no other limit for negative answers.",
        f"cache.max_ttl({config.max_ttl_s})",
    )
    text.add(
        "No TTL is raised. The default is five seconds, and the TTL of a load balancer's answer "
        "says how soon a dead server is out of it.",
        "cache.min_ttl(0)",
    )
    if config.serve_stale:
        text.add(
            "Expired data, up to a day old, is given while nobody can be asked (RFC 8767).",
            "modules.load('serve_stale < cache')",
        )
    text.add(
        "Addresses in an order that changes from answer to answer."
        + (
            " One should be given; it gives all, and clients take the first."
            if config.selection is Selection.ONE
            else ""
        ),
        "reorder_RR(true)",
    )


def _names(domains: Iterable[str]) -> str:
    quoted = ", ".join(f"'{fqdn(names.normalise(each))}'" for each in domains)
    return f"policy.todnames({{ {quoted} }})"


# --- the DNS translator -----------------------------------------------------------------------


def _translator_text(sitting: Sitting, config: DnsTranslatorConfig) -> str:
    text = _head(sitting)
    _add_trust(text)
    zone = _names([config.zone])
    servers = ", ".join(f"'{each.address}@{each.port}'" for each in config.servers)
    text.add(
        "Nothing is remembered: the load balancers know who is available.",
        f"policy.add(policy.suffix(policy.FLAGS('NO_CACHE'), {zone}))",
        f"cache.size = {_SMALLEST_CACHE_MIB} * MB",
        "cache.min_ttl(0)",
    )
    text.add(
        "The one zone is the load balancers'. FORWARD, not STUB: this one would pass a failure on "
        "instead of asking the next of them.",
        f"policy.add(policy.suffix(policy.FORWARD({{ {servers} }}), {zone}))",
    )
    text.add(
        "Every other name is refused: the translator is no resolver.",
        "policy.add(policy.all(policy.REFUSE))",
    )
    text.add(
        "Addresses in the same order each time. It is not the load balancers' order: those of one "
        "name come sorted, which cannot be set.",
        "reorder_RR(false)",
    )
    return str(text)
