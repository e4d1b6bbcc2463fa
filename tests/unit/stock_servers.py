"""A subject that is there on every machine, for tests of seats."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lab.subjects.subject import CannotFill, SeatName, Sitting, SubjectName
from lab.topology.plan import PlannedDaemon


@dataclass(frozen=True)
class Stock:
    """Writes down its task; `cannot` is why it has no way to do it."""

    name: SubjectName = "unbound"
    title: str = "Stock"
    package: str = "stock"
    seats: frozenset[SeatName] = frozenset({"dns", "translator", "nat"})
    installed: str | None = "1.0"
    cannot: str = ""
    changes: dict[str, object] = field(default_factory=dict)

    def version(self) -> str | None:
        return self.installed

    def render(self, sitting: Sitting) -> PlannedDaemon:
        if self.cannot:
            raise CannotFill(self.cannot)
        return PlannedDaemon(
            subject=self.name,
            version=self.installed or "",
            files=(("stock.conf", repr(sitting.config)),),
            command=("stock", "{folder}/stock.conf"),
            **self.changes,
        )

    def adopt(self, sitting: Sitting, config: Path) -> PlannedDaemon:
        del sitting
        return PlannedDaemon(
            subject=self.name,
            version=self.installed or "",
            files=(("stock.conf", config.read_text()),),
            command=("stock", "{folder}/stock.conf"),
            overrides=("it listens where the plan says",),
        )
