"""The commands about other servers' configurations: `forwardlab import`, `forwardlab export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli_choices import one_of, topology_names
from lab.cli_frame import Command, refuse

if TYPE_CHECKING:
    from lab.exchange.table import FormatName, ForwardingTable

app = typer.Typer()

PRODUCTS = ("bind", "unbound", "dnsmasq", "powerdns", "knot", "windows")
FORMATS = ("bind", "unbound", "dnsmasq", "powerdns", "powerdns-yaml", "knot", "windows")


@app.command(
    "import",
    cls=Command,
    epilog="Examples:  [bold]forwardlab import /etc/unbound/unbound.conf[/]  ·  "
    "[bold]forwardlab import named.conf --out ours[/]",
)
def import_config(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A DNS server's configuration.")],
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            callback=lambda word: word and one_of(FORMATS, "format")(word),
            autocompletion=lambda: list(FORMATS),
            help=f"What it is: {', '.join(FORMATS)}.",
            show_default="what it looks like",
        ),
    ] = None,
    view: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The view whose clients are asked about (BIND)."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for a topology and scenarios of every rule, new or empty.",
            show_default="none are written",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Read a DNS server's own configuration: show what it forwards, and make scenarios of it.

    Reads named.conf, unbound.conf, dnsmasq.conf, recursor.conf (and its YAML form), kresd.conf, and
    what a Windows DNS server exports as JSON: Get-DnsServerForwarder and Get-DnsServerZone, each
    with ConvertTo-Json -Depth 4. What is not understood is told, with its line.
    """
    from typing import cast

    from lab.exchange.importing import import_file
    from lab.exchange.source import Unreadable
    from lab.exchange.telling import table_text

    try:
        table = import_file(file, cast("FormatName | None", file_format))
    except Unreadable as error:
        refuse(str(error))
    chosen = _of_view(file, table, view)
    written = _generated(chosen, file, out)
    if as_json:
        typer.echo(chosen.model_dump_json(indent=2))
        for line in written:
            typer.echo(line, err=True)
        return
    for line in (*table_text(chosen), "", *written):
        typer.echo(line)


def _of_view(file: Path, table: ForwardingTable, view: str | None) -> ForwardingTable:
    views = table.views()
    if view is not None and view not in views:
        known = f"there are {', '.join(views)}" if views else "take --view away: it has none"
        refuse(f"{file}: there is no view {view!r}; {known}")
    return table if view is None else table.of_view(view)


def _generated(table: ForwardingTable, file: Path, out: Path | None) -> list[str]:
    """Write the folder, where one is wanted; returns what there is to say of it."""
    from lab.exchange.generating import generate, left_out, write_folder
    from lab.exchange.laying_out import NoRoom
    from lab.exchange.telling import read_me

    try:
        generated = generate(table, file.name)
    except NoRoom as error:
        if out is not None:
            refuse(f"{file}: no scenarios: {error}")
        return [*left_out(table), f"no scenarios: {error}"]
    count = len(generated.scenarios)
    if out is None:
        return [*generated.left_out, f"--out DIR writes {count} scenarios and their topology"]
    try:
        write_folder(out, generated, read_me(table, generated.scenarios, generated.left_out))
    except NoRoom as error:
        refuse(str(error))
    except OSError as error:
        refuse(f"{error.filename or out}: {error.strerror}; choose another folder with --out")
    return [
        *generated.left_out,
        f"{count} scenarios and their topology: forwardlab run {out}",
    ]


@app.command(
    cls=Command,
    epilog="Examples:  [bold]forwardlab export cluster-nat --for unbound[/]  ·  "
    "[bold]forwardlab export ours.toml --for bind --out /tmp/bind[/]",
)
def export(
    topology: Annotated[
        str,
        typer.Argument(
            help="A topology's name or file.", autocompletion=topology_names, metavar="TOPOLOGY"
        ),
    ],
    product: Annotated[
        str,
        typer.Option(
            "--for",
            metavar="PRODUCT",
            callback=one_of(PRODUCTS, "product"),
            autocompletion=lambda: list(PRODUCTS),
            help=f"{', '.join(PRODUCTS[:-1])} or {PRODUCTS[-1]}.",
        ),
    ],
    node: Annotated[
        str | None,
        typer.Option(
            metavar="NODE",
            help="Whose task it is: a DNS server, a translator or a load balancer.",
            show_default="the DNS server that viewers ask",
        ),
    ] = None,
    folder: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Where the files will lie in production.",
            show_default="where the product's package has them",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder to write the files to, new or empty.",
            show_default="standard output",
        ),
    ] = None,
) -> None:
    """Print another server's configuration for production: the text that the lab runs.

    A comment above each line says why it is there. What is printed for all but Windows is what
    forwardlab run --subject dns=PRODUCT runs and judges; for Windows it is PowerShell, and labelled
    as not run here.
    """
    from typing import cast

    from lab.exchange.exporting import CannotExport, Product, exported
    from lab.scenario.catalogue import CatalogueError, find_topology
    from lab.topology.load import TopologyError, load_topology
    from lab.topology.planner import make_plan

    try:
        path = find_topology(topology)
        plan = make_plan(load_topology(path), path.stem)
        files = exported(plan, cast("Product", product), node, folder)
    except (CatalogueError, TopologyError) as error:
        refuse(str(error))
    except CannotExport as error:
        refuse(f"{topology} for {product}: {error}")
    if out is not None:
        _write_files(out, files)
        return
    for name, text in files:
        if len(files) > 1:
            typer.echo(f"--- {name} ---")
        typer.echo(text)


def _write_files(out: Path, files: tuple[tuple[str, str], ...]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            refuse(f"{out}: this folder is not empty; name a new one, or empty it first")
        for name, text in files:
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        refuse(f"{error.filename or out}: {error.strerror}; choose another folder with --out")
    for name, _ in files:
        typer.echo(out / name)
