"""Reading a dnsmasq.conf: what dnsmasq forwards. It never resolves by itself.

Behaviour is as the manual page dnsmasq(8) of 2.90 says; the options are named where they matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

from lab.exchange.option_lines import Option, dnsmasq_options
from lab.exchange.option_names import tell_unknown
from lab.exchange.source import Source, located, read_source
from lab.exchange.table import (
    DNS_PORT,
    AskedServer,
    Collected,
    Order,
    address_text,
    port_number,
)

_THE_STANDARD_SERVERS = "#"
_CHANGES = {
    "alias": "addresses in answers are rewritten",
    "bogus-nxdomain": "answers with this address become NXDOMAIN",
    "ignore-address": "answers with this address are ignored",
    "stop-dns-rebind": "answers with private addresses are rejected but for rebind-domain-ok",
    "dnssec": "answers are validated: a private zone must be told as unsigned",
    "domain-needed": "plain names without a dot are not forwarded",
    "bogus-priv": "reverse lookups of private addresses are answered here, not forwarded",
    "filterwin2k": "some questions of Windows are not forwarded",
}
_ORDERS: dict[str, tuple[Order, str]] = {
    "": (
        "last that answered",
        (
            'dnsmasq(8), "strict-order": by default queries go to any of the servers, and those '
            "are favoured that are known to be up"
        ),
    ),
    "strict-order": ("listed", 'dnsmasq(8), "strict-order"'),
    "all-servers": ("all at once", 'dnsmasq(8), "all-servers"'),
}


def read_dnsmasq(source: Source, found: Collected) -> tuple[Order, str]:
    """Collect what a dnsmasq.conf says. Returns the order of its servers and who says so. Raises
    Unreadable."""
    options = list(_with_includes(source, found))
    for file, option in options:
        _take(file, option, found)
    keys = {option.key for _, option in options}
    if "no-resolv" not in keys:
        _servers_of_all_names(source, options, found)
    for file, option in options:
        if option.key in {"server", "local"}:
            _excepted(file, option, found)
    # dnsmasq(8): with all-servers there is no order to be strict about.
    said = next((key for key in ("all-servers", "strict-order") if key in keys), "")
    return _ORDERS[said]


def _take(file: Source, option: Option, found: Collected) -> None:
    match option.key:
        case "server" | "local":
            _server(file, option, found)
        case "rev-server":
            _rev_server(file, option, found)
        case "address":
            _address(file, option, found)
        case "listen-address":
            found.listens += [each.strip() for each in option.value.split(",")]
        case "auth-zone":
            found.host(file, option.start, option.value.partition(",")[0], "auth-zone")
        case key if key in _CHANGES:
            found.validates |= key == "dnssec"
            found.remark(file, option.start, f"{key}: {_CHANGES[key]}")
        case key:
            tell_unknown(found, file, option.start, "dnsmasq", key)


def _servers_of_all_names(
    source: Source, options: list[tuple[Source, Option]], found: Collected
) -> None:
    """dnsmasq(8), "resolv-file": the servers of that file, or of /etc/resolv.conf, beside those
    that are written, unless no-resolv is."""
    listed = [(file, option) for file, option in options if option.key == "resolv-file"]
    for file, option in listed:
        _resolv_file(file, option, found)
    if not listed:
        found.remark(
            source,
            0,
            "the servers in /etc/resolv.conf are asked too for all other names, and are not in the "
            "table: it has neither no-resolv nor resolv-file",
        )


def _with_includes(source: Source, found: Collected) -> Iterator[tuple[Source, Option]]:
    found.files.append(str(source.path))
    for option in dnsmasq_options(source):
        if option.key not in {"conf-file", "conf-dir", "servers-file"}:
            yield source, option
            continue
        written, *endings = (each.strip() for each in option.value.split(","))
        path = located(written, source.path.parent)
        paths = _in_folder(path, endings) if option.key == "conf-dir" else [path]
        for each in paths if path.exists() else ():
            found.check_room(source, option.start)
            yield from _with_includes(read_source(each), found)
        if not path.exists():
            found.remark(
                source,
                option.start,
                f"{written} is not here, so what it says is not in the table; put it beside this "
                "file",
            )


def _in_folder(folder: Path, endings: list[str]) -> list[Path]:
    """dnsmasq(8), "conf-dir": not files that end in "~", or begin with "." or "#"; "*.conf" takes
    those that end so, ".bak" leaves such out."""
    wanted = [each[1:] for each in endings if each.startswith("*")]
    unwanted = [each for each in endings if each and not each.startswith("*")]
    try:
        files = sorted(each for each in folder.iterdir() if each.is_file())
    except OSError:
        return []
    return [
        each
        for each in files
        if not each.name.endswith("~")
        and not each.name.startswith((".", "#"))
        and (not wanted or each.name.endswith(tuple(wanted)))
        and not each.name.endswith(tuple(unwanted))
    ]


# --- servers --------------------------------------------------------------------------------


def _server(source: Source, option: Option, found: Collected) -> None:
    """Collect a "server" or "local"."""
    domains, text = _domains(source, option)
    if text == _THE_STANDARD_SERVERS:
        return
    servers = (_server_at(source, option, text),) if text else ()
    if not domains and servers:
        found.entry(source, option.start, ".", servers, joins=True)
    for domain in domains:
        if domain == "":
            found.remark(source, option.start, "names without a dot go elsewhere: not in the table")
        elif "*" in domain:
            found.remark(source, option.start, f"{domain}: wildcards are not in the table")
        elif servers:
            found.entry(source, option.start, domain, servers, joins=True)
        else:
            # dnsmasq(8), "local": answered from the hosts file and the like, never forwarded.
            found.host(source, option.start, domain, "local")


def _excepted(source: Source, option: Option, found: Collected) -> None:
    """dnsmasq(8), "server": "#" behind a domain means the standard servers, an exception to what
    is said of a shorter one."""
    domains, text = _domains(source, option)
    everybody = next((each for each in found.entries if each.zone == "."), None)
    for domain in domains if text == _THE_STANDARD_SERVERS else ():
        if everybody is None:
            found.remark(
                source, option.start, f"{domain}: goes to servers that are not in the table"
            )
        else:
            found.entry(source, option.start, domain, everybody.servers)


def _domains(source: Source, option: Option) -> tuple[list[str], str]:
    """The domains between slashes, and what stands behind the last one."""
    if not option.value.startswith("/"):
        return [], option.value
    *domains, text = option.value[1:].split("/")
    if not domains:
        raise source.wrong(
            option.start, "a domain without its closing slash", f"write {option.key}=/DOMAIN/SERVER"
        )
    return [each.removeprefix(".") for each in domains], text


def _server_at(source: Source, option: Option, text: str) -> AskedServer:
    """A server written as ADDRESS[#PORT][@INTERFACE][@SOURCE[#PORT]]."""
    place = text.partition("@")[0]
    address, mark, port = place.partition("#")
    return AskedServer(
        address=address_text(source, option.start, address.strip()),
        port=port_number(source, option.start, port.strip()) if mark else DNS_PORT,
    )


def _rev_server(source: Source, option: Option, found: Collected) -> None:
    """dnsmasq(8), "rev-server": a server for the reverse names of a prefix."""
    prefix, _, text = option.value.partition(",")
    try:
        network = ip_network(prefix.strip(), strict=False)
    except ValueError:
        raise source.wrong(
            option.start, f'"{prefix}" is no prefix', "write rev-server=192.0.2.0/24,SERVER"
        ) from None
    step = 8 if network.version == 4 else 4
    longer = -(-network.prefixlen // step) * step
    if network.prefixlen != longer:
        found.remark(
            source, option.start, f"{network} becomes {2 ** (longer - network.prefixlen)} zones"
        )
    servers = (_server_at(source, option, text.strip()),) if text.strip() else ()
    for each in network.subnets(new_prefix=longer):
        found.entry(source, option.start, reverse_zone(str(each)), servers, joins=True)


def reverse_zone(prefix: str) -> str:
    """The zone of a prefix's reverse names, at a label's border: "2.0.192.in-addr.arpa"."""
    network = ip_network(prefix)
    step, labels = (8, 4) if network.version == 4 else (4, 32)
    parts = network.network_address.reverse_pointer.split(".")
    return ".".join(parts[labels - network.prefixlen // step :])


def _address(source: Source, option: Option, found: Collected) -> None:
    """dnsmasq(8), "address": a domain and all below it are answered here."""
    domains, text = _domains(source, option)
    for domain in domains:
        if domain in {"#", ""}:
            found.remark(source, option.start, "names that nothing else is for are answered here")
        elif "*" in domain:
            found.remark(source, option.start, f"{domain}: wildcards are not in the table")
        else:
            found.host(source, option.start, domain, f"address {text}".strip())


def _resolv_file(source: Source, option: Option, found: Collected) -> None:
    path = located(option.value, source.path.parent)
    if not path.is_file():
        found.remark(
            source,
            option.start,
            f"{option.value} is not here: the servers for all other names are not in the table",
        )
        return
    listed = read_source(path)
    found.files.append(str(path))
    at = 0
    for line in listed.text.split("\n"):
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            server = AskedServer(address=address_text(listed, at, words[1]))
            found.entry(listed, at, ".", (server,), joins=True)
        at += len(line) + 1
