"""dnsdist in the seats of the DNS server, where nothing but forwarding is asked of it, and of the
DNS translator.

Written from its documentation for 1.7. It balances questions over servers whose health it probes:
a question goes to one server and is never repeated to another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from lab.subjects.adopting import adopt_files
from lab.subjects.dns_aliases import listens_at, with_redirect
from lab.subjects.lua_adopting import dnsdist_edits
from lab.subjects.rendering import (
    FOLDER,
    Text,
    fqdn,
    is_open,
    refuse_rewriting,
    timeout_ns,
    used_rules,
    version_told,
    what_for,
    whole_seconds,
    with_port,
)
from lab.subjects.subject import CannotFill, SeatName, Sitting, SubjectName
from lab.topology.plan import PlannedDaemon
from resolver.config import DnsTranslatorConfig, ForwardRule, ResolverConfig, Selection
from resolver.dns import names
from resolver.machine import MILLISECOND, SECOND, Duration, Endpoint

CONFIG: Final = "dnsdist.conf"
SOURCE_PORTS: Final = 64
"""UDP sockets towards each server: one by default, which makes forging answers easy."""
QUESTIONS_PER_CONNECTION: Final = 100
"""Taken from a client's connection before the first is answered: one by default, which holds up all
others behind a slow one (RFC 7766 6.2.1.1)."""

_COMMAND: Final = ("dnsdist", "--supervised", "--disable-syslog", "-C", f"{FOLDER}/{CONFIG}")


@dataclass(frozen=True, slots=True)
class Dnsdist:
    """The subject."""

    name: SubjectName = "dnsdist"
    title: str = "dnsdist"
    package: str = "dnsdist"
    seats: frozenset[SeatName] = frozenset({"dns", "translator"})

    def version(self) -> str | None:
        """As `dnsdist --version` tells it."""
        return version_told("dnsdist", "--version")

    def render(self, sitting: Sitting) -> PlannedDaemon:
        """Its configuration in Lua."""
        config = sitting.config
        if isinstance(config, ResolverConfig):
            return self._daemon(sitting, [(CONFIG, _server_text(sitting, config))])
        if isinstance(config, DnsTranslatorConfig):
            refuse_rewriting(self.title, config)
            return self._daemon(sitting, [(CONFIG, _translator_text(sitting, config))])
        raise CannotFill(f"{self.title} cannot sit in the seat {sitting.seat}")

    def adopt(self, sitting: Sitting, config: Path) -> PlannedDaemon:
        """The user's `dnsdist.conf`."""
        listen = listens_at(sitting.node, sitting.config)
        adopted = adopt_files(config, partial(dnsdist_edits, listen=listen))
        main, *others = adopted.files
        return self._daemon(sitting, [(CONFIG, main[1]), *others], adopted.overrides)

    def _daemon(
        self,
        sitting: Sitting,
        files: Iterable[tuple[str, str]],
        overrides: tuple[str, ...] = (),
    ) -> PlannedDaemon:
        # There is no reload of the file: changes are made on its console, or by a restart.
        daemon = PlannedDaemon(
            subject=self.name,
            version=self.version() or "",
            files=tuple(files),
            command=_COMMAND,
            overrides=overrides,
        )
        return with_redirect(daemon, sitting.node, sitting.config)


DNSDIST: Final = Dnsdist()


# --- the DNS server ---------------------------------------------------------------------------


def _server_text(sitting: Sitting, config: ResolverConfig) -> str:
    _refuse_what_it_cannot(config)
    rules = used_rules(config)
    text = _head(sitting)
    text.add(
        "Whoever can reach it is served: who can is up to the network."
        if is_open(config.recursion_for)
        else "Who is served; all others are ignored (RFC 5358: no server for strangers).",
        f"setACL({{{_quoted(config.recursion_for)}}})",
    )
    _add_timeout(text, {timeout_ns(rule, config) for rule in rules if rule.servers})
    _add_cache(text, config)
    pools: list[tuple[ForwardRule, str]] = [
        (rule, _pool(rule.zone)) for rule in rules if rule.servers
    ]
    for rule, pool in pools:
        _add_servers(text, rule.zone, rule.servers, pool, timeout_ns(rule, config), what_for(rule))
        text.add("Its answers are remembered.", f'getPool("{pool}"):setCache(answers)')
    text.heading(
        "Which questions go where: the first rule that fits decides, so longer domains stand "
        "first. A question that went to a pool never goes to another one, alive or not."
    )
    everything = False
    for rule in rules:
        everything |= names.normalise(rule.zone) == names.ROOT
        text.add(*_action(rule))
    if not everything:
        text.add(
            "All other names are nobody's here: nobody is asked for them.",
            "addAction(AllRule(), RCodeAction(DNSRCode.REFUSED))",
        )
    return str(text)


def _refuse_what_it_cannot(config: ResolverConfig) -> None:
    """Raises CannotFill."""
    if config.zones:
        hosted = ", ".join(names.normalise(zone.origin) for zone in config.zones)
        raise CannotFill(f"dnsdist hosts no zones, and {hosted} is to be hosted")
    if config.recursion:
        raise CannotFill("dnsdist resolves nothing by itself: it only passes questions on")
    if config.private_addresses:
        raise CannotFill("dnsdist does not look into answers: no protection from DNS rebinding")


def _head(sitting: Sitting) -> Text:
    text = Text("--")
    text.heading(f'dnsdist as {sitting.node.label} of the network "{sitting.plan.title}".')
    first, *others = map(with_port, listens_at(sitting.node, sitting.config))
    options = f"{{maxInFlight={QUESTIONS_PER_CONNECTION}}}"
    text.add(
        "The addresses it is asked at, over UDP and TCP, and no others of this machine. On a "
        "connection a slow question holds up none behind it (RFC 7766 6.2.1.1).",
        f'setLocal("{first}", {options})',
        *(f'addLocal("{each}", {options})' for each in others),
    )
    text.add(
        "No question to powerdns.com about the version's security: private servers ask nobody "
        "outside on their own account.",
        'setSecurityPollSuffix("")',
    )
    text.add(
        "Where no server of a domain is up the client is told at once (SERVFAIL), and can go on.",
        "setServFailWhenNoServer(true)",
    )
    return text


def _add_timeout(text: Text, timeouts: Iterable[Duration]) -> None:
    timeouts = set(timeouts)
    if not timeouts:
        return
    text.add(
        "How long an answer is waited for, in whole seconds. It does not ask another server then: "
        "the client has to ask again, and by then the probes below have found out who is down.",
        f"setUDPTimeout({whole_seconds(max(timeouts))})",
    )


def _add_cache(text: Text, config: ResolverConfig) -> None:
    stale = config.stale_for_ns // SECOND
    if config.serve_stale:
        text.add(
            "Expired answers are given while no server of their pool is up (RFC 8767).",
            f"setStaleCacheEntriesTTL({stale})",
        )
    text.add(
        "Whole answers are remembered, for their shortest TTL, which is counted down; no TTL is "
        "raised. A failure is told for a second (RFC 9520 3.2), not for a minute as by default: "
        "so does a recovery reach the viewers."
        + (
            " Of several addresses one should be given; it changes nothing in an answer."
            if config.selection is Selection.ONE
            else ""
        ),
        f"answers = newPacketCache({config.cache_entries}, {{",
        f"  maxTTL={config.max_ttl_s},",
        f"  maxNegativeTTL={config.max_negative_ttl_s},",
        "  minTTL=0,",
        "  temporaryFailureTTL=1,",
        f"  staleTTL={config.stale_ttl_s},",
        f"  keepStaleData={'true' if config.serve_stale else 'false'},",
        "})",
    )


def _add_servers(
    text: Text, zone: str, servers: Iterable[Endpoint], pool: str, timeout: Duration, which: str
) -> None:
    # Who is asked for everything may well refuse to speak of the root itself.
    everything = names.normalise(zone) == names.ROOT
    lines = [
        f'newServer({{address="{with_port(server)}", pool="{pool}", order={order}, '
        f'checkName="{fqdn(names.normalise(zone))}", checkType="SOA", checkInterval=1, '
        f"checkTimeout={timeout // MILLISECOND}, mustResolve={'false' if everything else 'true'}, "
        f"maxCheckFailures=1, rise=1, retries=1, tcpConnectTimeout={whole_seconds(timeout)}, "
        f"sockets={SOURCE_PORTS}}})"
        for order, server in enumerate(servers, start=1)
    ]
    text.add(
        f"Who is asked for {which}: the first in this order that is up. Each is probed every "
        "second with a question for the domain's SOA record, never for a name of the Internet; "
        + (
            "any answer but SERVFAIL means that it is up. "
            if everything
            else "who answers SERVFAIL, REFUSED or NXDOMAIN is no use for the domain and counts as "
            "down. "
        )
        + "Many source ports make forging answers harder.",
        *lines,
        f'setPoolServerPolicy(firstAvailable, "{pool}")',
    )


def _action(rule: ForwardRule) -> tuple[str, str]:
    which = what_for(rule).capitalize()
    if names.normalise(rule.zone) == names.ROOT:
        fits = "AllRule()"
    else:
        fits = f"{{{_quoted([fqdn(names.normalise(rule.zone))])}}}"
    if not rule.servers:
        return (
            f"{which} are not forwarded, and it resolves nothing by itself.",
            f"addAction({fits}, RCodeAction(DNSRCode.REFUSED))",
        )
    return f"{which}.", f'addAction({fits}, PoolAction("{_pool(rule.zone)}"))'


def _pool(zone: str) -> str:
    name = names.normalise(zone)
    return "everything" if name == names.ROOT else name


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


# --- the DNS translator -----------------------------------------------------------------------


def _translator_text(sitting: Sitting, config: DnsTranslatorConfig) -> str:
    zone = names.normalise(config.zone)
    text = _head(sitting)
    text.add(
        "Whoever can reach these addresses is answered: one zone and nothing else.",
        'setACL({"0.0.0.0/0", "::/0"})',
    )
    _add_timeout(text, [config.timeout_ns])
    _add_servers(text, zone, config.servers, zone, config.timeout_ns, f"names at or below {zone}")
    text.add(
        "Nothing is remembered, for there is no cache, and nothing is changed in an answer: the "
        "load balancers know who is available. Every other name is refused.",
        f'addAction({{"{fqdn(zone)}"}}, PoolAction("{zone}"))',
        "addAction(AllRule(), RCodeAction(DNSRCode.REFUSED))",
    )
    return str(text)
