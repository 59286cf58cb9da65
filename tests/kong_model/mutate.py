"""Takes guards out, one at a time, and holds that a test notices each.

    make mutations ARGS='[--only WORD] [--rules | --guards]'

mutations.yaml lists them: the guards of the filter, and the rules of the model. Each is taken out of a copy of the
tree; a guard's copy is built again; then one of the tests it names must fail, and without the mutation all pass.

The rules depend on nothing but the model and its tests, so that they are tried only when one of those has changed:
when all were noticed, a digest is kept in rules_noticed.sha256, to be committed with the change.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).parent
ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
TREE = TARGET / "mutations" / "tree"
WASM = TARGET / "wasm32-wasip1" / "mutation" / "token_exchange.wasm"
RULES_NOTICED = HERE / "rules_noticed.sha256"

# As `make faulty-wasm` builds, in the same folder, so that no dependency is built again. The lints are the
# filter's alone: what rustc is told for all crates would have each of them built anew.
BUILD = (
    "rustc", "--locked", "--quiet", "--lib", "--crate-type", "cdylib", "--profile", "mutation",
    "--target", "wasm32-wasip1", "--features", "fault-injection", "--", "--cap-lints", "warn",
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
    entries = yaml.safe_load((HERE / "mutations.yaml").read_text("utf-8"))
    return [Mutation(**entry) for group in ("guards", "rules") for entry in entries[group]]


def digest_of_rules(rules: list[Mutation]) -> str:
    """What the rules' fate depends on: the list, the model, and the tests of its rules."""
    files = [
        path.relative_to(HERE).as_posix()
        for path in HERE.rglob("*.py")
        if path.relative_to(HERE).parts[0] not in ("filter", Path(__file__).name)
    ]
    content = [(name, (HERE / name).read_text("utf-8")) for name in sorted(files)]
    return hashlib.sha256(json.dumps([[asdict(rule) for rule in rules], content]).encode()).hexdigest()


def copy_tree() -> None:
    """Copies what git knows and what it would know."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    shutil.rmtree(TREE, ignore_errors=True)
    for name in names:
        if name and (ROOT / name).is_file():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, TREE / name)  # with the time of now, so that it is built again


def build() -> None:
    """Builds the filter in the copy."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET)}
    done = subprocess.run(["cargo", *BUILD], cwd=TREE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Useless(f"it does not build:\n{done.stderr[-2000:]}")


def test(arguments: list[str]) -> bool:
    """Whether the tests pass in the copy."""
    environment = {
        **os.environ,
        "TOKEN_EXCHANGE_WASM": str(WASM),
        "TOKEN_EXCHANGE_FAULTY_WASM": str(WASM),
        "PYTHONDONTWRITEBYTECODE": "1",  # files change faster than their times
    }
    if "--gateway" in arguments:
        arguments = [*arguments, "--wasm", str(WASM)]
    command = [sys.executable, "-m", "pytest", "-q", "-x", *arguments]
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
        return test(mutation.noticed_by.split())


def all_tests(mutations: list[Mutation]) -> list[list[str]]:
    """What has to pass without a mutation: the tests that the mutations name, each file in one run."""
    words: dict[str, set[str]] = {}
    for mutation in mutations:
        file, _, word = mutation.noticed_by.partition(" -k ")
        words.setdefault(file, set()).add(word)
    return [
        [*file.split(), *([] if "" in of_file else ["-k", " or ".join(sorted(of_file))])]
        for file, of_file in words.items()
    ]


def run(mutations: list[Mutation]) -> list[str]:
    """Tries all; the faults found."""
    copy_tree()
    if any(mutation.needs_build for mutation in mutations):
        print("building the filter ...", flush=True)
        build()
    faults = [f"without a mutation these fail: {tests}" for tests in all_tests(mutations) if not test(tests)]
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
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--rules", action="store_true", help="only the model's rules, whether it has changed or not")
    which.add_argument("--guards", action="store_true", help="only the filter's guards")
    options = parser.parse_args()
    mutations = load()
    guards = [mutation for mutation in mutations if mutation.needs_build and not options.rules]
    rules = [mutation for mutation in mutations if not mutation.needs_build and not options.guards]
    digest = digest_of_rules(rules)
    if not (options.rules or options.only) and rules and RULES_NOTICED.read_text("utf-8").strip() == digest:
        print(f"the {len(rules)} rules of the model are as they were when all were noticed (--rules tries them)")
        rules = []
    chosen = [mutation for mutation in guards + rules if options.only in mutation.name]
    faults = run(chosen)
    if rules and not options.only and not faults:
        RULES_NOTICED.write_text(f"{digest}\n", "utf-8")
    print("\n".join(faults) or f"all {len(chosen)} mutations are noticed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
