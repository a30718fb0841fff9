"""docker-compose.yaml without an engine: its schema, its secrets, its ports, and the names of all the variables that it sets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from airflow_session import airflow_environment
from deploy.compose import (
    AIRFLOW_SERVICES,
    COMPOSE_FILE,
    EXAMPLE,
    ROOT,
    SECRETS,
    Unset,
    example_env,
    image_environment,
    load_compose,
    service_environment,
)
from splitmile.orchestration.embedded import embedded_environment
from splitmile.settings import Settings, load_settings

ENV = {**example_env(), **SECRETS}

# Where the one host of `make up` and the containers differ by intent: addresses, folders, the database, who may come in.
DIFFERENT_BY_INTENT = {
    "AIRFLOW_CONN_AWS_DEFAULT",
    "AIRFLOW_HOME",
    "AIRFLOW__API__BASE_URL",
    "AIRFLOW__API__PORT",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    "AIRFLOW__CORE__PLUGINS_FOLDER",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT",
    "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT",
    "SPLITMILE_CONFIG",
    "SPLITMILE_PROJECT_DIR",
    "SPLITMILE_STATE_DIR",
}


def schema_problems(file: Path) -> str:
    """What the schema of the Compose Specification says against a file; empty where it has nothing to say."""
    checker = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run([checker, "--builtin-schema", "vendor.compose-spec", file], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def unknown_to_airflow(names: set[str], settings: Settings) -> list[str]:
    """Variables that set no option of Airflow's, so that a misspelt one would do nothing."""
    code = (
        "import sys\n"
        "from airflow.configuration import retrieve_configuration_description\n"
        "described = retrieve_configuration_description(include_providers=True)\n"
        "known = {(section.lower(), key.lower()) for section, values in described.items() for key in values['options']}\n"
        "for name in sys.argv[1:]:\n"
        "    section, key = name.removeprefix('AIRFLOW__').lower().split('__', 1)\n"
        "    if (section, key) not in known:\n"
        "        print(name)\n"
    )
    environment = {**os.environ, **airflow_environment(settings)}
    done = subprocess.run([sys.executable, "-c", code, *sorted(names)], capture_output=True, text=True, check=True, env=environment)
    return [line for line in done.stdout.splitlines() if line.startswith("AIRFLOW__")]


def published(compose: dict[str, object]) -> list[str]:
    services: dict[str, dict[str, list[str]]] = compose["services"]  # type: ignore[assignment]
    return [port for service in services.values() for port in service.get("ports", [])]


def test_it_is_a_compose_file() -> None:
    assert schema_problems(COMPOSE_FILE) == ""


def test_a_misspelt_key_is_noticed(tmp_path: Path) -> None:
    broken = tmp_path / "docker-compose.yaml"
    broken.write_text(COMPOSE_FILE.read_text().replace("healthcheck:", "health_check:", 1))
    assert "health_check" in schema_problems(broken)


def test_every_service_that_airflow_needs_is_there_and_says_when_it_is_well() -> None:
    services = load_compose(ENV)["services"]
    assert set(services) == {*AIRFLOW_SERVICES, "postgres", "s3"}
    assert [name for name, service in services.items() if "healthcheck" not in service] == ["init"]
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            well = "service_completed_successfully" if needed == "init" else "service_healthy"
            assert how["condition"] == well, (name, needed)
    assert all(services[name]["build"] == "." for name in AIRFLOW_SERVICES)


@pytest.mark.parametrize("name", sorted(set(SECRETS) - {"S3_SECRET_KEY"}))
def test_a_missing_secret_stops_it(name: str) -> None:
    with pytest.raises(Unset, match=f"{name}: see .env.example"):
        load_compose({**ENV, name: ""})


def test_s3_does_not_start_without_its_secret() -> None:
    """The compose file cannot require it: where the feeds are on AWS, there is none."""
    service = load_compose({**ENV, "S3_SECRET_KEY": ""})["services"]["s3"]
    environment = {"PATH": os.environ["PATH"], **service["environment"]}
    done = subprocess.run(service["command"], env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "S3_SECRET_KEY: is empty; see .env.example" in done.stderr


def test_no_file_has_a_secret() -> None:
    """An empty `.env` leaves no password anywhere, and the example has none to forget."""
    assert {name: value for name, value in example_env().items() if value} == {"COMPOSE_PROFILES": "local-s3"}
    assert set(example_env()) == {*SECRETS, "COMPOSE_PROFILES"}
    written = {
        name: value
        for service in yaml.safe_load(COMPOSE_FILE.read_text())["services"].values()
        for name, value in (service.get("environment", {}) | image_environment()).items()
        if re.search(r"PASSWORD$|SECRET|KEY|_CONN", name)
    }
    assert len(written) >= 8
    assert {name for name, value in written.items() if not re.search(r"\$\{\w*(SECRET|PASSWORD|KEY)", value)} == set()


def test_only_loopback_is_published() -> None:
    ports = published(load_compose(ENV))
    assert ports == ["127.0.0.1:8586:8586", "127.0.0.1:8585:8080"]


def test_the_image_is_the_version_and_the_connection_reaches_the_server() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    scheduler = load_compose(ENV)["services"]["scheduler"]
    assert scheduler["image"] == f"splitmile:{version}"
    assert f'version="{version}"' in (ROOT / "Dockerfile").read_text()
    connection = scheduler["environment"]["AIRFLOW_CONN_AWS_DEFAULT"]
    assert connection == "aws://splitmile:s3-secret@/?endpoint_url=http%3A%2F%2Fs3%3A8586&region_name=us-east-1"
    own = load_compose({**ENV, "AIRFLOW_CONN_AWS_DEFAULT": "aws://"})["services"]["scheduler"]["environment"]
    assert own["AIRFLOW_CONN_AWS_DEFAULT"] == "aws://"


def test_airflow_knows_every_option(settings: Settings) -> None:
    names = {
        name
        for service in load_compose(ENV)["services"].values()
        for name in service_environment(service, ENV)
        if name.startswith("AIRFLOW__")
    }
    assert {"AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"} <= names
    assert unknown_to_airflow({*names, "AIRFLOW__CORE__EXECUTER", "AIRFLOW__WEBSERVER__BASE_URL"}, settings) == [
        "AIRFLOW__CORE__EXECUTER",
        "AIRFLOW__WEBSERVER__BASE_URL",
    ]


def suggested_settings() -> dict[str, str]:
    """The settings of Splitmile that the example suggests, commented out as they are."""
    return dict(re.findall(r"^#(SPLITMILE_\w+)='?([^'\n]*)'?$", EXAMPLE.read_text(), re.MULTILINE))


def test_splitmile_knows_every_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = service_environment(load_compose(ENV)["services"]["scheduler"], ENV)
    assert len(suggested_settings()) >= 3
    for name, value in {**scheduler, **suggested_settings()}.items():
        if name.startswith("SPLITMILE_"):
            monkeypatch.setenv(name, str(ROOT / "splitmile.toml") if name == "SPLITMILE_CONFIG" else value)
    settings = load_settings()
    assert settings.state == Path("/var/lib/splitmile")
    assert settings.feeds.bucket == "acme-feeds"
    assert settings.warehouse.engine == "redshift"


def test_it_agrees_with_make_up(settings: Settings) -> None:
    embedded = embedded_environment(settings)
    scheduler = service_environment(load_compose(ENV)["services"]["scheduler"], ENV)
    both = embedded.keys() & scheduler.keys()
    assert {name: scheduler[name] for name in both - DIFFERENT_BY_INTENT} == {name: embedded[name] for name in both - DIFFERENT_BY_INTENT}
    assert both >= DIFFERENT_BY_INTENT, "what no longer differs, or is set on one side only, leaves the list"
    assert {name for name in embedded if not name.startswith("SPLITMILE_")} - scheduler.keys() == {"AIRFLOW__API__HOST", "PATH"}


def test_the_volumes_belong_to_the_user_of_the_image() -> None:
    """A new volume takes the owner of the folder that it is mounted on, so the image must have that folder."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    made = set(re.findall(r"(/(?:opt|var)/[\w/]+)", dockerfile[dockerfile.index("install --directory") : dockerfile.index("COPY --from")]))
    mounted = {
        volume.split(":")[1]
        for name, service in yaml.safe_load(COMPOSE_FILE.read_text())["services"].items()
        for volume in service.get("volumes", [])
        if name != "postgres"
    }
    assert mounted <= made
    assert "USER 50000:0" in dockerfile
    assert image_environment()["AIRFLOW_HOME"] in made
