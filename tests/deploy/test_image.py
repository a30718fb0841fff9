"""The Dockerfile by a linter, what enters the image, and the values for the Helm chart that run it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.compose import ROOT, image_environment
from deploy.test_compose import unknown_to_airflow
from splitmile.settings import Settings, load_settings

DOCKERFILE = ROOT / "Dockerfile"
VALUES: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "helm" / "values.yaml").read_text())


def lint(file: Path) -> str:
    """What hadolint says against a Dockerfile; empty where it has nothing to say."""
    done = subprocess.run([Path(sys.executable).with_name("hadolint"), "--no-color", file], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def copied() -> set[str]:
    """What the Dockerfile takes from the folder of the project."""
    return {source for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE) for source in line.split()}


def packages(file: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / file).read_text(), re.MULTILINE))


def test_the_dockerfile_is_sound() -> None:
    assert lint(DOCKERFILE) == ""


def test_an_unsound_dockerfile_is_noticed(tmp_path: Path) -> None:
    broken = tmp_path / "Dockerfile"
    broken.write_text(DOCKERFILE.read_text().replace("python:3.11.14-slim-bookworm", "python"))
    assert "DL3006" in lint(broken)


def test_only_what_is_copied_is_sent_to_the_engine() -> None:
    first, *patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert first == "*"
    assert {pattern.removeprefix("!") for pattern in patterns if pattern.startswith("!")} == copied()
    assert all((ROOT / source).exists() for source in copied())


def test_every_package_has_a_hash_and_none_is_named_twice() -> None:
    extra = packages("deploy/helm/requirements.txt")
    assert "apache-airflow-providers-fab" in extra
    assert extra & packages("requirements.txt") == set()
    text = (ROOT / "deploy" / "helm" / "requirements.txt").read_text()
    assert len(re.findall(r"^[a-z0-9._-]+==.+\\\n +--hash=sha256:", text, re.MULTILINE)) == len(extra)
    installs = re.findall(r"pip install (.+) -r", DOCKERFILE.read_text())
    assert len(installs) == 2
    assert all("--require-hashes" in install for install in installs)


def test_the_image_can_show_whatever_airflow_keeps_in_postgres() -> None:
    """Airflow reaches its tables by two drivers, one of them asynchronous."""
    assert {"psycopg2-binary", "asyncpg"} <= packages("requirements.txt")


def test_the_values_run_this_version_with_the_image_as_it_is(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert VALUES["defaultAirflowTag"] == project["version"]
    assert f"apache-airflow=={VALUES['airflowVersion']}" in project["dependencies"]
    env = {entry["name"]: entry["value"] for entry in VALUES["env"]}
    options = {name for name in env if name.startswith("AIRFLOW__")}
    options |= {f"AIRFLOW__{section}__{key}".upper() for section, keys in VALUES["config"].items() for key in keys}
    assert unknown_to_airflow(options, settings) == []
    image = image_environment()
    assert {name: env[name] for name in env.keys() & image.keys()} == {name: image[name] for name in env.keys() & image.keys()}
    for name in [name for name in env if name.startswith("SPLITMILE_")]:
        monkeypatch.setenv(name, env[name])
    assert load_settings().warehouse.redshift.analyst_role == "splitmile_analyst"


def test_the_values_have_no_secret_and_need_nothing_of_airflows_own_image() -> None:
    text = json.dumps(VALUES)
    assert re.findall(r"password|fernetKey\"|jwtSecret\"|apiSecretKey\"", text, re.IGNORECASE) == []
    assert len(re.findall(r"SecretName\"", text)) == 4
    for component in ("scheduler", "dagProcessor", "triggerer"):
        assert VALUES[component]["logGroomerSidecar"] == {"enabled": False}
    assert VALUES["createUserJob"] == {"enabled": False}
