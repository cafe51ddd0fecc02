"""Installs what the clients need into a folder that git ignores, and nothing where it is there already."""

import json
import os
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parent.parent / ".run" / "clients"


def place(needed):
    """Where a requirements file or a package.json is installed: .run/clients/python, .run/clients/agents/node …"""
    below = needed.parent.relative_to(HERE)
    name = "node" if needed.name == "package.json" else needed.stem.replace("requirements", "python")
    return FOLDER / below / name


def install(needed):
    target, wanted = place(needed), needed.read_text()
    if needed.name == "package.json":
        wanted += needed.with_name("package-lock.json").read_text()
    stamp = target / "installed.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing {needed.relative_to(HERE)}", file=sys.stderr, flush=True)
        target.mkdir(parents=True, exist_ok=True)
        (install_node if needed.name == "package.json" else install_python)(needed, target)
        stamp.write_text(wanted)
    if needed.name == "package.json":
        bring_drivers(needed, target)


def install_python(needed, target):
    run([sys.executable, "-m", "venv", target])
    run([python(target), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--requirement", needed])


def install_node(needed, target):
    for name in "package.json", "package-lock.json", ".npmrc":
        if (source := needed.with_name(name)).exists():
            (target / name).write_bytes(source.read_bytes())
    run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=target)


def bring_drivers(needed, target):
    """Node looks for packages beside the program that asks for them, so the drivers are copied to their packages."""
    for driver in needed.parent.glob("**/*.mjs"):
        if "node_modules" not in driver.parts:
            copy = target / driver.relative_to(needed.parent)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(driver.read_bytes())


def run(command, **options):
    finished = subprocess.run(command, capture_output=True, text=True, timeout=600, **options)
    if finished.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{finished.stderr}")


def output(command, environment=None):
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return finished.stdout.strip()


def python(target):
    return target / "bin" / "python"


def node(target):
    """The Node that package.json pins, or else that of this machine."""
    return next(target.glob("node_modules/node-*/bin/node"), Path("node"))


def command(driver, needed):
    """What runs a driver."""
    target = place(needed)
    if driver.suffix == ".mjs":
        return [node(target), target / driver.relative_to(needed.parent)]
    return [python(target), driver]


def version(package, needed):
    target = place(needed)
    if needed.name == "package.json":
        return json.loads((target / "node_modules" / package / "package.json").read_text())["version"]
    (libraries,) = target.glob("lib/python*/site-packages")
    return next(found.version for found in distributions(name=package, path=[os.fspath(libraries)]))
