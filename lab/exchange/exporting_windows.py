"""A local DNS server's task as PowerShell commands for a Windows DNS server.

Nothing here runs in the lab. Cmdlets and parameters are as Microsoft's reference of the DnsServer
module has them (Windows Server 2022); timers are as its article "Forwarders and conditional
forwarders resolution timeouts" (KB 2834250) measures them.
"""

from __future__ import annotations

from lab.subjects.rendering import (
    Text,
    fqdn,
    hidden_rules,
    is_open,
    timeout_ns,
    used_rules,
    what_for,
    written_seconds,
    zone_file,
    zone_file_name,
)
from lab.subjects.subject import CannotFill
from resolver.config import ForwardRule, ResolverConfig, Selection
from resolver.dns import names
from resolver.machine import SECOND, Duration

SCRIPT = "dns-server.ps1"
LONGEST_S = 15
"""MS-DNSP 3.1.1.1.1: ForwardingTimeout, RecursionTimeout are 1 to 15."""
_RECURSION_S = 8
"""RecursionTimeout by default (MS-DNSP 3.1.1.1.1)."""
_REFERENCE = "https://learn.microsoft.com/powershell/module/dnsserver"


def windows_files(title: str, config: ResolverConfig) -> tuple[tuple[str, str], ...]:
    """(file name, text): the commands, then the own zones' master files. Raises CannotFill where
    Windows has no way to do it."""
    text = Text("#")
    text.heading(
        f'A Windows DNS server as the local DNS server of "{title}".\n'
        "Not run here: no Windows is in the lab. Run it in PowerShell as administrator on a server "
        "with the DNS role, and look at each command first.\n"
        f"Cmdlets and parameters: {_REFERENCE} (Windows Server 2022)."
    )
    text.add("Stop at the first command that fails.", '$ErrorActionPreference = "Stop"')
    _recursion(text, config)
    _zones(text, config)
    rules = used_rules(config)
    for rule in rules:
        if names.normalise(rule.zone) != names.ROOT:
            _condition(text, rule, config)
    _forwarders(text, rules, config)
    _root_hints(text, config)
    _cache(text, config)
    _answers(text, config)
    _warnings(text, config)
    return ((SCRIPT, str(text)), *((_file_name(z.origin), zone_file(z)[1]) for z in config.zones))


# --- settings of the server -------------------------------------------------------------------


def _recursion(text: Text, config: ResolverConfig) -> None:
    if not config.forward and not config.recursion:
        text.add(
            "It answers for its own zones only. (Set-DnsServerRecursion)",
            "Set-DnsServerRecursion -Enable $false",
        )
        return
    needed = max((_last_try_s(rule, config) for rule in config.forward), default=0)
    timeout = min(max(_RECURSION_S, needed), LONGEST_S)
    why = (
        "Forwarding is a part of recursion to Windows: off, nothing is forwarded (Windows Server "
        "documentation, queries-lookups). No server is tried once this time is over, so it "
        "outlasts the longest list: server n+1 is asked n times its timeout and n-1 seconds after "
        "the first (KB 2834250)."
    )
    if needed > LONGEST_S:
        why += (
            f" {needed} s would be needed and {LONGEST_S} is the most: the last servers of the "
            "longest list are never asked. Shorten its timeout."
        )
    text.add(why, f"Set-DnsServerRecursion -Enable $true -Timeout {timeout}")


def _last_try_s(rule: ForwardRule, config: ResolverConfig) -> int:
    """When the last server of a rule is asked (KB 2834250: the third at 2T + 1)."""
    further = max(len(rule.servers) - 1, 0)
    return further * _seconds(timeout_ns(rule, config)) + max(further - 1, 0)


def _zones(text: Text, config: ResolverConfig) -> None:
    for zone in config.zones:
        text.add(
            "A zone of its own: answered before any cache and any forwarder. Copy "
            f"{_file_name(zone.origin)} to %SystemRoot%\\System32\\dns first; -LoadExisting takes "
            "it as it is. (Add-DnsServerPrimaryZone)",
            f'Add-DnsServerPrimaryZone -Name "{_name(zone.origin)}" '
            f'-ZoneFile "{_file_name(zone.origin)}" -LoadExisting -DynamicUpdate None',
        )
    for rule, origin in hidden_rules(config):
        text.heading(
            f'No conditional forwarder for "{rule.zone}": the server hosts {fqdn(origin)} and '
            "cannot forward what it hosts."
        )


def _condition(text: Text, rule: ForwardRule, config: ResolverConfig) -> None:
    zone = names.normalise(rule.zone)
    if not rule.servers:
        text.heading(
            f"Not done: {what_for(rule)} are not to be forwarded. Windows cannot end forwarding "
            "below a domain that is forwarded, for a conditional forwarder needs a server: mind "
            "where they go. (Add-DnsServerConditionalForwarderZone -MasterServers)"
        )
        return
    wait = timeout_ns(rule, config)
    ending = (
        "When none answers, the server tries recursion."
        if rule.recursion
        else "When none answers, the question has failed: the name reaches nobody else."
    )
    text.add(
        f"{what_for(rule).capitalize()}, the longest domain that fits; asked in this order, "
        f"{_wait_told(wait)} each. {ending} (Add-DnsServerConditionalForwarderZone; its "
        "-UseRecursion is a switch)",
        f'Add-DnsServerConditionalForwarderZone -Name "{zone}" '
        f"-MasterServers {_addresses(rule)} -ForwarderTimeout {_seconds(wait)}"
        f"{' -UseRecursion' if rule.recursion else ' -UseRecursion:$false'}",
    )


def _forwarders(text: Text, rules: tuple[ForwardRule, ...], config: ResolverConfig) -> None:
    rule = next((each for each in rules if names.normalise(each.zone) == names.ROOT), None)
    if rule is None or not rule.servers:
        if not config.recursion:
            text.add(
                "Nothing but the domains above is looked up: no root hints are left to begin with, "
                "so all other names fail. (Remove-DnsServerRootHint)",
                "Get-DnsServerRootHint | Remove-DnsServerRootHint -Force",
            )
        return
    wait = timeout_ns(rule, config)
    ending = (
        "When none answers, the root servers are asked."
        if rule.recursion
        else "When none answers, the question has failed: no root servers are asked."
    )
    text.add(
        f"All other names: asked in this order, {_wait_told(wait)} each. Windows reorders them by "
        f"their response times unless it is told not to. {ending} (Set-DnsServerForwarder; its "
        "reference says a default of 5 s, KB 2834250 and MS-DNSP say 3)",
        f"Set-DnsServerForwarder -IPAddress {_addresses(rule)} -Timeout {_seconds(wait)} "
        f"-EnableReordering $false -UseRootHint {_truth(rule.recursion)}",
    )


def _root_hints(text: Text, config: ResolverConfig) -> None:
    if not config.recursion or not config.root_hints:
        return
    text.add(
        "Recursion begins at these root servers. On the Internet itself leave both away: Windows "
        "knows its root servers. (Add-DnsServerRootHint)",
        "Get-DnsServerRootHint | Remove-DnsServerRootHint -Force",
        *(
            f'Add-DnsServerRootHint -NameServer "{_name(hint.name)}" '
            f"-IPAddress {','.join(hint.addresses)}"
            for hint in config.root_hints
        ),
    )


def _cache(text: Text, config: ResolverConfig) -> None:
    text.add(
        "The longest that anything is remembered, whatever its TTL says. A TTL of 0 stays 0: such "
        "an answer is not remembered. (Set-DnsServerCache)",
        f"Set-DnsServerCache -MaxTtl {_span(config.max_ttl_s)} "
        f"-MaxNegativeTtl {_span(config.max_negative_ttl_s)}",
    )


def _answers(text: Text, config: ResolverConfig) -> None:
    rotates = (
        "Addresses of a name change places from answer to answer."
        if config.selection is Selection.ALL
        else "Windows gives a client all addresses and cannot select one: it turns them round, and "
        "clients take the first."
    )
    text.add(
        f"{rotates} LocalNetPriority would undo that for clients in the network of some of the "
        "addresses: those were always first (MS-DNSP 3.1.1.1.1: on by default). "
        "(Set-DnsServerSetting)",
        "$setting = Get-DnsServerSetting -All",
        "$setting.RoundRobin = $true",
        "$setting.LocalNetPriority = $false",
        "Set-DnsServerSetting -InputObject $setting",
    )


def _warnings(text: Text, config: ResolverConfig) -> None:
    if config.private_addresses:
        text.heading(
            "Windows does not filter private addresses out of answers (DNS rebinding): what comes "
            f"from outside with {', '.join(config.private_addresses)} is passed on."
        )
    if not is_open(config.recursion_for):
        text.heading(
            "Who may ask is not said here: it is up to the firewall, or to policies "
            "(Add-DnsServerQueryResolutionPolicy -ApplyOnRecursion). Meant are "
            f"{', '.join(config.recursion_for)}."
        )
    private = [r.zone for r in used_rules(config) if names.normalise(r.zone) != names.ROOT]
    if private:
        text.heading(
            "DNSSEC: with a trust anchor for the root (Get-DnsServerTrustAnchor) names that the "
            "Internet does not know are proven not to exist. Install none on this server as long "
            f"as it forwards private domains: {', '.join(private)}."
        )


# --- words ------------------------------------------------------------------------------------


def _addresses(rule: ForwardRule) -> str:
    for server in rule.servers:
        if server.port != 53:
            raise CannotFill(
                f"Windows asks forwarders at port 53 only, and {server.address} is asked at "
                f"{server.port}"
            )
    return ",".join(server.address for server in rule.servers)


def _seconds(duration: Duration) -> int:
    """Whole seconds, as Windows counts: rounded up, from 1 to 15."""
    return min(max(1, -(-duration // SECOND)), LONGEST_S)


def _wait_told(duration: Duration) -> str:
    seconds = _seconds(duration)
    if seconds * SECOND == duration:
        return f"{seconds} s"
    return f"{seconds} s ({written_seconds(duration)} was meant; Windows counts whole seconds)"


def _span(seconds: int) -> str:
    """A TimeSpan as Set-DnsServerCache takes it: "01.00:00:00"."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"{day:02}.{hour:02}:{minute:02}:{second:02}"


def _truth(value: object) -> str:
    return "$true" if value else "$false"


def _name(name: str) -> str:
    return names.normalise(name)


def _file_name(origin: str) -> str:
    return zone_file_name(origin).removesuffix(".zone") + ".dns"
