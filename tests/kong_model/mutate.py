"""Takes guards out, one at a time, and holds that a test notices each.

    python tests/kong_model/mutate.py [--only WORD] [--rules | --guards]

mutations.yaml lists them: the guards of the filter, and the rules of the model. Each is taken out of a copy of the
tree; a guard's copy is built again; then one of the tests it names must fail, and without the mutation all pass.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "target" / "mutations"
TREE = PLACE / "tree"
BUILD = (
    "rustc", "--locked", "--quiet", "--lib", "--crate-type", "cdylib", "--profile", "mutation",
    "--target", "wasm32-wasip1", "--features", "fault-injection",
)  # fmt: skip


class Useless(Exception):
    """A mutation that proves nothing, and why."""


@dataclass(frozen=True)
class Mutation:
    """A text of one file, what stands in its place, and the tests that have to notice."""

    name: str
    file: str
    text: str
    becomes: str
    noticed_by: str = "tests/kong_model/rules"

    @property
    def needs_build(self) -> bool:
        """Whether it changes the filter, not the model."""
        return self.file.endswith(".rs")


def load() -> list[Mutation]:
    """The list."""
    entries = yaml.safe_load(Path(__file__).with_name("mutations.yaml").read_text("utf-8"))
    return [Mutation(**entry) for group in ("guards", "rules") for entry in entries[group]]


def copy_tree() -> None:
    """Copies what git knows and what it would know; the build's own folder stays for the next time."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    shutil.rmtree(TREE, ignore_errors=True)
    for name in names:
        if name and (ROOT / name).is_file():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, TREE / name)  # with the time of now, so that it is built again


def build() -> None:
    """Builds the filter in the copy."""
    environment = {
        **os.environ,
        "CARGO_TARGET_DIR": str(PLACE / "build"),
        "RUSTFLAGS": "-C target-feature=+simd128 --cap-lints warn",
    }
    done = subprocess.run(["cargo", *BUILD], cwd=TREE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Useless(f"it does not build:\n{done.stderr[-2000:]}")


def test(arguments: str) -> bool:
    """Whether the tests pass in the copy."""
    wasm = str(PLACE / "build" / "wasm32-wasip1" / "mutation" / "token_exchange.wasm")
    environment = {
        **os.environ,
        "TOKEN_EXCHANGE_WASM": wasm,
        "TOKEN_EXCHANGE_FAULTY_WASM": wasm,
        "PYTHONDONTWRITEBYTECODE": "1",  # files change faster than their times
    }
    if "--gateway" in arguments:
        arguments += f" --wasm {wasm}"
    command = [sys.executable, "-m", "pytest", "-q", "-x", *arguments.split()]
    done = subprocess.run(command, cwd=TREE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise Useless(f"the tests did not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 0


@contextmanager
def applied(mutation: Mutation) -> Iterator[None]:
    """The copy with the mutation in it."""
    path = TREE / mutation.file
    before = path.read_text("utf-8")
    if before.count(mutation.text) != 1:
        raise Useless(f"its text stands {before.count(mutation.text)} times in {mutation.file}")
    path.write_text(before.replace(mutation.text, mutation.becomes), "utf-8")
    try:
        yield
    finally:
        path.write_text(before, "utf-8")


def survives(mutation: Mutation) -> bool:
    """Whether no test notices."""
    with applied(mutation):
        if mutation.needs_build:
            build()
        return test(mutation.noticed_by)


def run(mutations: list[Mutation]) -> list[str]:
    """Tries all; the faults found."""
    copy_tree()
    if any(mutation.needs_build for mutation in mutations):
        print("building the filter ...", flush=True)
        build()
    faults = [
        f"without a mutation these fail: {arguments}"
        for arguments in sorted({mutation.noticed_by for mutation in mutations})
        if not test(arguments)
    ]
    for mutation in mutations if not faults else []:
        begun = time.monotonic()
        try:
            fault = "no test notices" if survives(mutation) else None
        except Useless as useless:
            fault = str(useless)
        if fault:
            faults.append(f"{mutation.name}: {fault}")
        print(f"{'SURVIVES' if fault else 'noticed '} {time.monotonic() - begun:5.1f} s  {mutation.name}", flush=True)
    return faults


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="", help="only those with this word in their name")
    parser.add_argument("--rules", action="store_true", help="only the model's rules")
    parser.add_argument("--guards", action="store_true", help="only the filter's guards")
    options = parser.parse_args()
    chosen = [
        mutation
        for mutation in load()
        if options.only in mutation.name
        and not (options.rules and mutation.needs_build)
        and not (options.guards and not mutation.needs_build)
    ]
    faults = run(chosen)
    print("\n".join(faults) or f"all {len(chosen)} mutations are noticed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
