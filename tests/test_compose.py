"""docker-compose.yml, as far as it can be checked without a Docker engine."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gateway.settings import Settings as GatewaySettings
from serving.settings import ENVIRONMENT_PREFIX, read_settings
from serving.settings import Settings as ServingSettings

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docker-compose.yml"
SERVICES = yaml.safe_load(FILE.read_text())["services"]
TRITONS = ["triton-gpu", "triton-cpu"]
DEFAULT = dict(line.split("=") for line in (ROOT / ".env").read_text().splitlines() if not line.startswith("#"))


def read_dockerfile(service: str) -> str:
    return (ROOT / SERVICES[service]["build"]["dockerfile"]).read_text()


def resolve(text: str) -> str:
    """The defaults of ${NAME:-default}."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def test_file_follows_the_compose_specification():
    subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", FILE], check=True
    )


@pytest.mark.parametrize("service", SERVICES)
def test_every_path_of_the_build_exists(service):
    build = SERVICES[service]["build"]
    lines = re.findall(r"^COPY (.+) \S+$", read_dockerfile(service), re.MULTILINE)
    assert lines
    carried = (ROOT / ".dockerignore").read_text().splitlines()
    for source in " ".join(lines).split():
        assert (ROOT / build["context"] / source).exists()
        assert {f"!{source}", f"!{Path(source).parts[0]}"} & set(carried)


@pytest.mark.parametrize("service", TRITONS)
def test_packages_come_from_the_pinned_requirements(service):
    wanted = re.search(r"grep -E '\^\((\S+)\)'", read_dockerfile(service))[1].split("|")
    pinned = (ROOT / "requirements/gateway.txt").read_text().splitlines()
    for package in wanted:
        assert any(re.match(rf"{package}(\[\w+\])?==", line) for line in pinned), package


@pytest.mark.parametrize("service", [*TRITONS, "embedded"])
def test_repositories_are_mounted_read_only_where_serving_looks(service):
    mounts = [volume.split(":") for volume in SERVICES[service]["volumes"] if volume.startswith("./")]
    defaults = {path.relative_to(ROOT) for path in ServingSettings().model_repository}
    assert {Path(source) for source, _, _ in mounts} == defaults
    assert {Path(target).relative_to("/service") for _, target, _ in mounts} == defaults
    assert {mode for _, _, mode in mounts} == {"ro"}
    assert "WORKDIR /service\n" in read_dockerfile(service)


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_published_on_this_host_only(service):
    for port in SERVICES[service]["ports"]:
        assert resolve(port).startswith("127.0.0.1:")


@pytest.mark.parametrize("service", SERVICES)
def test_containers_have_no_privileges(service):
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert "USER 1000:1000" in read_dockerfile(service)


@pytest.mark.parametrize("service", TRITONS)
def test_triton_environment_are_settings(service, monkeypatch):
    environment = {name: resolve(value) for name, value in SERVICES[service]["environment"].items()}
    known = {ENVIRONMENT_PREFIX + name.upper() for name in ServingSettings.model_fields}
    assert set(environment) <= known
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = read_settings([])
    assert not settings.gateway
    assert [int(port.split(":")[-1]) for port in map(resolve, SERVICES[service]["ports"])] == [
        settings.grpc_port,
        settings.metrics_port,
    ]


def test_release_has_its_security_holes_mended():
    (release,) = set(re.findall(r"TRITON_RELEASE(?:=|:-)([\d.]+)", FILE.read_text() + read_dockerfile("triton-gpu")))
    assert tuple(map(int, release.split("."))) >= (26, 7)


def test_gateway_finds_triton():
    environment = SERVICES["gateway"]["environment"]
    assert {name.lower() for name in environment} <= set(GatewaySettings.model_fields)
    host, port = environment["TRITON_URL"].split(":")
    for service in TRITONS:
        assert host in SERVICES[service]["networks"]["default"]["aliases"]
        assert int(port) == ServingSettings().grpc_port


def test_embedded_image_sets_settings_and_starts_by_default(monkeypatch):
    for name, value in re.findall(r"(SERVING_\w+)=(\S+)", read_dockerfile("embedded")):
        monkeypatch.setenv(name, str(ROOT) if name == "SERVING_BACKEND_DIRECTORY" else value)
        assert name.removeprefix(ENVIRONMENT_PREFIX).lower() in ServingSettings.model_fields
    settings = read_settings([])
    assert settings.gateway_host == "0.0.0.0"
    assert settings.triton_host == "127.0.0.1"
    assert SERVICES["embedded"]["profiles"] == [DEFAULT["COMPOSE_PROFILES"]]


def test_gpu_is_reserved_in_its_profile_only():
    assert SERVICES["triton-gpu"]["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
    assert "deploy" not in SERVICES["triton-cpu"]
    assert [SERVICES[name]["profiles"] for name in [*TRITONS, "gateway"]] == [["gpu"], ["cpu"], ["gpu", "cpu"]]


@pytest.mark.parametrize("service", TRITONS)
def test_triton_commands_exist(service):
    for command in (SERVICES[service]["command"], SERVICES[service]["healthcheck"]["test"][1:]):
        assert command[:2] == ["python3", "-m"]
        subprocess.run([sys.executable, "-c", f"import importlib; importlib.import_module({command[2]!r})"], check=True)


def test_gateway_command_is_accepted_by_gunicorn():
    command = re.search(r"^CMD \[(.*)\]$", read_dockerfile("gateway").replace("\\\n", ""), re.MULTILINE)[1]
    words = shlex.split(command.replace(",", " "))
    assert words[0] == "gunicorn"
    subprocess.run([sys.executable, "-m", "gunicorn", "--check-config", *words[1:]], cwd=ROOT, check=True)
