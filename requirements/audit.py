"""Check what is pinned: hashes, names, licences, known vulnerabilities; write what the program is made of as an SBOM.

`make audit` runs it. The SBOM (CycloneDX, dist/doorbell_edge_agent.cdx.json) holds what a user installs, with our
ha_discovery; the checks all that is pinned. Vulnerabilities are looked up by pip-audit where one of its databases can
be reached; where none can, it says so.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, version
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE: Final = Path(__file__).resolve().parent
NAME: Final = "doorbell-edge-agent"
DISCOVERY: Final = "ha-mqtt-discovery-messages"
"""The name of ha_discovery's own wheel; the agent's wheel contains a copy of its modules."""
SBOM: Final = HERE.parent / "dist" / f"{NAME.replace('-', '_')}.cdx.json"
ALLOWED: Final = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "EPL-2.0", "ISC", "MIT", "MIT-0", "MIT-CMU",
    "MPL-2.0", "PSF-2.0", "Unlicense", "ZPL-2.1", "Zlib",
}  # fmt: skip
"""Licences by which the agent may be used and passed on under its own."""
WORDS: Final = {
    "Apache Software License": "Apache-2.0", "Apache 2.0": "Apache-2.0", "Apache License": "Apache-2.0",
    "BSD License": "BSD-3-Clause", "BSD 2-Clause License": "BSD-2-Clause", "BSD 3-Clause License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause", "ISC License (ISCL)": "ISC", "MIT License": "MIT", "PSFL": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0", "Python Software Foundation License": "PSF-2.0",
    "Zope Public License": "ZPL-2.1",
}  # fmt: skip
"""How older packages name their licence."""
UNNAMED: Final = {"atheris": "Apache-2.0"}
"""Packages that name none in their metadata, and what their licence file says."""
UNWANTED: Final = {
    "edge-agent": "on the package index this name is another program, not this one",
    "pycoral": "on the package index this name is another program, not Google's library",
    "tflite-runtime": "its last release is of 2023; ai-edge-litert is its successor",
    "edgetpu": "it is no longer maintained",
    "mediapipe": "it brings far more than is used, and no models",
    "opencv-python": "it needs a display's libraries; opencv-python-headless does not",
    "hbmqtt": "it is no longer maintained; amqtt is its successor",
}


@dataclass(frozen=True, slots=True)
class Pin:
    """A package at a version, with the hashes of its files."""

    name: str
    version: str
    hashes: tuple[str, ...]


def read_pins(path: Path) -> list[Pin]:
    """Return what a requirements file pins."""
    text = re.sub(r"\s*\\\n\s*", " ", path.read_text(encoding="utf-8"))
    pins = []
    for line in text.splitlines():
        found = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*(?:==([^\s;]+))?", line)
        if found and not line.startswith(("#", "-")):
            name = re.sub(r"[-_.]+", "-", found[1]).lower()
            pins.append(Pin(name, found[2] or "", tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", line))))
    return pins


def licence_of(name: str) -> str:
    """Return a package's licence as an SPDX expression, '' where it is not installed here."""
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return ""
    if "License-Expression" in said:
        return str(said["License-Expression"])
    classified = [
        each.rpartition(" :: ")[2] for each in said.get_all("Classifier") or [] if each.startswith("License ::")
    ]
    known = [WORDS[each] for each in classified if each in WORDS]
    if known:
        return " OR ".join(sorted(set(known)))
    lines = said.get_all("License") or [""]
    line = lines[0].strip().partition("\n")[0]
    return UNNAMED.get(name) or WORDS.get(line, line) or "none"


def is_allowed(expression: str) -> bool:
    """Return whether a licence is on the list: each that holds together with others, one of those to choose from."""
    parts = [part.strip(" ()") for part in expression.split(" AND ")]
    return all(any(choice.strip(" ()") in ALLOWED for choice in part.split(" OR ")) for part in parts)


def faults_of(pins: list[Pin]) -> list[str]:
    """Return what is wrong with pins, of what can be told without a network."""
    faults = [f"{pin.name} is not pinned to a version with hashes" for pin in pins if not (pin.version and pin.hashes)]
    faults += [f"{pin.name} is not to be used: {UNWANTED[pin.name]}" for pin in pins if pin.name in UNWANTED]
    licences = {pin.name: licence_of(pin.name) for pin in pins}
    faults += [f"{name} has the licence {said}" for name, said in licences.items() if said and not is_allowed(said)]
    return faults


def vulnerabilities(paths: Sequence[Path]) -> list[str] | None:
    """Return the known vulnerabilities of what files pin, None where no database could be asked."""
    for service in ("pypi", "osv"):
        command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", service]
        command += [word for path in paths for word in ("--requirement", str(path))]
        command += ["--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off", "--timeout", "10"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        try:
            found = json.loads(done.stdout)["dependencies"]
        except (ValueError, KeyError):
            continue
        asked = [each for each in found if "skip_reason" not in each]
        if asked:
            return [f"{each['name']} {each['version']}: {hole['id']}" for each in asked for hole in each["vulns"]]
    return None


def write_sbom(pins: list[Pin]) -> None:
    """Write what a user installs."""
    licences = LicenseFactory()
    bom = Bom()
    bom.metadata.tools.components.add(this_component())
    agent, discovery = (
        Component(
            name=name,
            version=version(NAME),
            type=kind,
            bom_ref=name,
            licenses=[licences.make_from_string("Apache-2.0")],
        )
        for name, kind in ((NAME, ComponentType.APPLICATION), (DISCOVERY, ComponentType.LIBRARY))
    )
    bom.metadata.component = agent
    bom.components.add(discovery)
    bom.register_dependency(agent, [discovery])
    for pin in pins:
        said = licence_of(pin.name)
        component = Component(
            name=pin.name,
            version=pin.version,
            type=ComponentType.LIBRARY,
            bom_ref=f"{pin.name}=={pin.version}",
            purl=PackageURL("pypi", None, pin.name, pin.version),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in pin.hashes],
            licenses=[licences.make_from_string(said)] if said else [],
        )
        bom.components.add(component)
        bom.register_dependency(agent, [component])
    SBOM.parent.mkdir(exist_ok=True)
    SBOM.write_text(JsonV1Dot6(bom).output_as_string(indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Check everything and say what was found; return 1 where something is wrong."""
    files = [HERE / "dev.txt", HERE / "bench.txt"]
    everything, installed = list(dict.fromkeys(chain(*map(read_pins, files)))), read_pins(HERE / "run.txt")
    faults = faults_of(everything)
    unknown = sorted({pin.name for pin in everything if not licence_of(pin.name)})
    print(
        f"{len(everything)} packages are pinned, {len(installed)} of them for users: hashes, names and licences checked"
    )
    if unknown:
        print(f"not installed on this machine, so their licences were not read: {', '.join(unknown)}")
    holes = vulnerabilities(files)
    if holes is None:
        print("NOT CHECKED for known vulnerabilities: neither the package index nor OSV could be asked from here")
    else:
        print(f"{len(holes)} known vulnerabilities")
        faults += holes
    write_sbom(installed)
    print(f"wrote {SBOM.relative_to(HERE.parent)}")
    for fault in faults:
        print(f"FAULT: {fault}")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
