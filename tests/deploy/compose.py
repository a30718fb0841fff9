"""Reads docker-compose.yaml, .env and the Dockerfile as the programs do that they are written for, as far as ours go."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yaml"
EXAMPLE = ROOT / ".env.example"
AIRFLOW_SERVICES = ("init", "api-server", "scheduler", "dag-processor", "triggerer")

# A fernet key must be one; the others are any text that needs no quoting in an address.
SECRETS = {
    "POSTGRES_PASSWORD": "postgres-secret",
    "AIRFLOW__CORE__FERNET_KEY": "ZmVybmV0LWtleS1vZi10aGUtdGVzdHMtMzItYnl0ZXM=",
    "AIRFLOW__API__SECRET_KEY": "api-secret",
    "AIRFLOW__API_AUTH__JWT_SECRET": "a-jwt-secret-of-the-tests-that-is-longer-than-sixty-four-characters-",
    "ADMIN_PASSWORD": "admin-secret",
    "S3_SECRET_KEY": "s3-secret",
}


class Unset(Exception):
    """A variable that the compose file requires is missing or empty."""


def example_env() -> dict[str, str]:
    """What `.env.example` sets, secrets left empty."""
    return {name: value or "" for name, value in dotenv_values(EXAMPLE, interpolate=False).items()}


def load_compose(env: Mapping[str, str], text: str | None = None) -> dict[str, Any]:
    """The compose file with its variables filled in from an `.env`.

    Raises:
        Unset: A `${NAME:?…}` is empty.
    """
    document: dict[str, Any] = _filled(yaml.safe_load(text if text is not None else COMPOSE_FILE.read_text()), env)
    return document


def service_environment(service: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, str]:
    """What the processes of a service see: the image's variables, those of `.env` where the service reads it, and its own over them."""
    image = image_environment() if service["image"].startswith("splitmile") else {}
    from_file = {name: value for name, value in env.items() if service.get("env_file") and value}
    return {**image, **from_file, **service.get("environment", {})}


def image_environment() -> dict[str, str]:
    """The variables that the Dockerfile's last stage sets, but for PATH."""
    instructions = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    last_stage = instructions.rpartition("\nFROM ")[2]
    pairs = (pair.split("=", 1) for line in re.findall(r"^ENV (.+)$", last_stage, re.MULTILINE) for pair in shlex.split(line))
    return {name: value for name, value in pairs if name != "PATH"}


def _filled(node: Any, env: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, env) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, env) for value in node]
    return _interpolated(node, env) if isinstance(node, str) else node


_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>(?:[^{}]|\$\{[^{}]*\})*))?\})")


def _interpolated(text: str, env: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        found = env.get(match["name"], "")
        if found or match["kind"] is None:
            return found
        if match["kind"] == "?":
            raise Unset(f"{match['name']}: {match['rest']}")
        return _interpolated(match["rest"], env)

    return _VARIABLE.sub(value, text)
