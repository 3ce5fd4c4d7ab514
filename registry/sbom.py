"""The software bill of materials of a version, CycloneDX 1.6 in JSON: what the pack runs with.

    python -m registry.sbom sbom.cdx.json

Its components are the packages that the project's lock has for the pack's own requirement, for what ComfyUI brings,
and for what RECE Count Nudity needs besides, with everything that those need. Versions and hashes are those the tests
ran with: what users have is up to their ComfyUI. Standard library only, because the workflow that publishes installs
nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomllib

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "locks" / "environment.txt"
#: Where a package may be asked for, and what it is then to the pack, as CycloneDX names it; the first place counts.
ROOTS = {
    "-r requirements.txt": "required",
    "-r requirements-host.txt": "required",
    "nudenet": "optional",  # an extra in pyproject.toml, as is
    "diffusers": "optional",
}


@dataclass
class Package:
    """A package of a lock: `needed_by` has other packages, and the files of requirements it is in."""

    name: str
    version: str
    hashes: list[str] = field(default_factory=list)
    needed_by: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Its package URL, by which the bill names it."""
        return f"pkg:pypi/{self.name}@{self.version}"


def read_lock(text: str) -> dict[str, Package]:
    """The packages of a lock that `harness.lock` made, by name; ValueError where a line is none of such a lock."""
    packages: dict[str, Package] = {}
    package = Package("", "")
    for number, line in enumerate(text.splitlines(), start=1):
        if pin := re.match(r"([a-z0-9-]+)==([^ ]+)", line):
            package = packages[pin[1]] = Package(pin[1], pin[2])
        elif hashed := re.match(r"    --hash=sha256:([0-9a-f]{64})", line):
            package.hashes.append(hashed[1])
        elif reason := re.match(r"    #(?: via)? *(.*)", line):
            package.needed_by += [reason[1]] if reason[1] else []
        elif line.strip() and not line.startswith("#"):
            raise ValueError(
                f"line {number} of the lock is {line!r}; expected a pin, a hash or a reason. Make it again."
            )
    return packages


def find_scopes(packages: dict[str, Package]) -> dict[str, str]:
    """What each package is to the pack, by name; packages that development alone uses are left out."""
    scopes: dict[str, str] = {}

    def spread(wanted: str, scope: str) -> None:
        for package in packages.values():
            if wanted in package.needed_by and package.name not in scopes:
                scopes[package.name] = scope
                spread(package.name, scope)

    for root, scope in ROOTS.items():
        if root in packages:
            scopes.setdefault(root, scope)
        spread(root, scope)
    return scopes


def describe(lock: str, project: dict[str, Any]) -> dict[str, Any]:
    """The bill for a lock's text and the `project` table of pyproject.toml."""
    packages = read_lock(lock)
    scopes = find_scopes(packages)
    listed = [packages[name] for name in sorted(scopes)]
    itself = f"{project['name']}@{project['version']}"
    direct = [each.address for each in listed if any(root in ROOTS for root in each.needed_by) or each.name in ROOTS]
    needs = {each.address: [one.address for one in listed if each.name in one.needed_by] for each in listed}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": itself,
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [
            {
                "type": "library",
                "bom-ref": each.address,
                "name": each.name,
                "version": each.version,
                "scope": scopes[each.name],
                "purl": each.address,
                "hashes": [{"alg": "SHA-256", "content": content} for content in each.hashes],
            }
            for each in listed
        ],
        "dependencies": [{"ref": ref, "dependsOn": needed} for ref, needed in {itself: direct, **needs}.items()],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="where to write it")
    file = parser.parse_args().file
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    file.write_text(json.dumps(describe(LOCK.read_text("utf-8"), project), indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
