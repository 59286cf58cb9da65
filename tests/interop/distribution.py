"""Keycloak's distribution: fetched by Maven once, verified and unpacked for each run."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

VERSION = "26.7.3"
SHA256 = "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f"
ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
FETCHED_WITHIN = 600.0
OLDEST_JAVA = 17


class Missing(Exception):
    """Something that the suite needs is not there; the text says what to do."""


def unpack(cache: Path, target: Path) -> Path:
    """Keycloak's home directory, new, in the target directory."""
    archive = _archive(cache)
    with zipfile.ZipFile(archive) as content:
        content.extractall(target)
    home = target / f"keycloak-{VERSION}"
    (home / "bin" / "kc.sh").chmod(0o755)
    return home


def need_java() -> None:
    """Tells where there is no Java that runs Keycloak."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else "java"
    advice = f"install a JDK, {OLDEST_JAVA} or later, such as openjdk-{OLDEST_JAVA}-jdk-headless"
    if shutil.which(java) is None:
        raise Missing(f"java is missing: {advice}")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', said)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise Missing(f"{java} is too old for Keycloak: {advice}\n{said}")


def _archive(cache: Path) -> Path:
    archive = cache / f"keycloak-quarkus-dist-{VERSION}.zip"
    if not archive.is_file():
        _fetch(cache)
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        archive.unlink()
        raise Missing(f"{archive.name} had the SHA-256 {found}, not {SHA256}: it was removed")
    return archive


def _fetch(cache: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing("mvn is missing: install Maven, such as the package maven")
    print(f"fetching Keycloak {VERSION} (once) ...", flush=True)
    cache.mkdir(parents=True, exist_ok=True)
    command = [maven, "--batch-mode", "--quiet", PLUGIN, f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={cache}"]
    done = subprocess.run(
        command,
        cwd=cache,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=FETCHED_WITHIN,
        check=False,
    )
    if done.returncode:
        raise Missing(f"Maven did not get {ARTIFACT}:\n{done.stdout}{done.stderr}")
