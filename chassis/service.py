"""What a process needs to know of its service, and which services there are."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Service:
    """A service: its name (database, queue, contracts), its package and the folder names of its contexts."""

    name: str
    package: str
    contexts: tuple[str, ...]

    def modules(self, name: str) -> list[ModuleType]:
        """The module ``name`` (say ``consumers``) of every context that has one, imported."""
        found = []
        for context in self.contexts:
            full = f"{self.package}.{context}.{name}"
            if importlib.util.find_spec(full) is not None:
                found.append(importlib.import_module(full))
        return found

    @property
    def folder(self) -> Path:
        return ROOT / self.package.replace(".", "/")

    def load(self) -> None:
        """Imports every module of every context, so that all mapped classes are there."""
        for context in self.contexts:
            for path in sorted((self.folder / context).glob("*.py")):
                importlib.import_module(f"{self.package}.{context}.{path.stem}".removesuffix(".__init__"))


def suite() -> list[Service]:
    """Every service of this repository, found by its ``app.py``."""
    places = [*sorted(ROOT.glob("services/*/app.py")), ROOT / "gateway" / "app.py"]
    modules = (".".join(place.relative_to(ROOT).with_suffix("").parts) for place in places)
    return [importlib.import_module(module).SERVICE for module in modules]


def find_service(name: str) -> Service:
    for service in suite():
        if service.name == name:
            return service
    raise LookupError(f"there is no service {name!r}")
