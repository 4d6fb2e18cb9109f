"""deploy/kubernetes/, rendered: valid by Kubernetes' schemas, and fitting the code and the images."""

import re
import shutil
import subprocess
import sys
from functools import cache

import pytest
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import PodMonitor

from contract.channel import CHANNEL_OPTIONS
from gateway.settings import Settings as GatewaySettings
from serving.settings import ENVIRONMENT_PREFIX
from serving.settings import Settings as ServingSettings
from tests.conftest import ROOT

FOLDER = ROOT / "deploy/kubernetes"
RENDERED = ("base", "embedded", "gpu", "kserve", "bulk")
IMAGES = {"image-detection": "embedded"} | {
    f"image-detection-{n}": n for n in ("triton", "gateway", "models", "scoring")
}

pytestmark = pytest.mark.skipif(not shutil.which("kubectl"), reason="there is no kubectl to render with")


@cache
def render(folder: str) -> str:
    return subprocess.run(
        ["kubectl", "kustomize", FOLDER / folder], stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def read(folder: str) -> list[dict]:
    return list(yaml.safe_load_all(render(folder)))


def find(folder: str, kind: str, name: str) -> dict:
    (found,) = [each for each in read(folder) if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def config(folder: str, name: str) -> dict[str, str]:
    (found,) = [each["data"] for each in read(folder) if re.fullmatch(rf"{name}-\w+", each["metadata"]["name"])]
    return found


@pytest.mark.parametrize("folder", RENDERED)
def test_built_in_kinds_are_valid(folder, tmp_path):
    (tmp_path / "rendered.yaml").write_text(render(folder))
    command = [sys.executable, "-m", "kubernetes_validate", "--strict", "-k", "1.37", str(tmp_path / "rendered.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("model", [ScaledObject, PodMonitor])
def test_custom_kinds_fit_their_published_schemas(model):
    found = [each for folder in RENDERED for each in read(folder) if each["kind"] == model.__name__]
    assert found
    for each in found:
        # Fields that the schema has not are lost on the way.
        assert model.model_validate(each).model_dump(by_alias=True, exclude_unset=True, mode="json") == each


@pytest.mark.parametrize("folder", RENDERED)
def test_images_have_a_tag_and_a_dockerfile(folder):
    for name, tag in re.findall(r"image: (\S+?)(:\S+)?$", render(folder), re.MULTILINE):
        assert tag
        assert (ROOT / f"containers/{IMAGES[name]}.Dockerfile").exists()


@pytest.mark.parametrize("folder", ["base", "gpu", "kserve"])
def test_configs_are_settings(folder):
    serving = {ENVIRONMENT_PREFIX + name.upper() for name in ServingSettings.model_fields}
    assert set(config(folder, "triton")) <= serving
    assert {name.lower() for name in config(folder, "gateway")} <= set(GatewaySettings.model_fields)
    # A config that changes has another name, and pods are rolled out anew.
    for name in re.findall(r"configMapRef:\n\s+name: (\S+)", render(folder)):
        assert find(folder, "ConfigMap", name)


def test_gateways_reach_every_triton_of_the_headless_service():
    service = find("base", "Service", "triton")
    port = ServingSettings().grpc_port
    assert service["spec"]["clusterIP"] == "None"
    assert config("base", "gateway")["TRITON_URL"] == f"dns:///{service['metadata']['name']}:{port}"
    assert ("grpc.lb_policy_name", "round_robin") in CHANNEL_OPTIONS
    labels = find("base", "Deployment", "gateway")["spec"]["template"]["metadata"]["labels"]
    (who, prometheus) = find("base", "NetworkPolicy", "triton")["spec"]["ingress"]
    assert who["from"][0]["podSelector"]["matchLabels"].items() <= labels.items()
    assert [who["ports"][0]["port"], prometheus["ports"][0]["port"]] == [port, ServingSettings().metrics_port]


@pytest.mark.parametrize("folder", ["base", "embedded", "gpu"])
def test_pods_may_do_little(folder):
    for deployment in (each for each in read(folder) if each["kind"] == "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        for container in pod["containers"] + pod.get("initContainers", []):
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert not container["securityContext"]["allowPrivilegeEscalation"]
            assert container["resources"]["limits"]["memory"]
        ends = {probe for container in pod["containers"] for probe in container if probe.endswith("Probe")}
        assert ends == {"startupProbe", "readinessProbe", "livenessProbe"}


def test_gateway_is_ready_without_triton():
    (gateway,) = find("base", "Deployment", "gateway")["spec"]["template"]["spec"]["containers"]
    (embedded,) = find("embedded", "Deployment", "image-detection")["spec"]["template"]["spec"]["containers"]
    assert gateway["readinessProbe"]["httpGet"]["path"] == "/healthz"
    assert embedded["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_gpu_overlay_takes_the_targets_config_and_keeps_engines():
    deployment = find("gpu", "Deployment", "triton")["spec"]["template"]["spec"]
    assert deployment["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert config("gpu", "triton")["SERVING_MODEL_CONFIG_NAME"] == "cuda"
    mounts = {mount["mountPath"] for mount in deployment["containers"][0]["volumeMounts"]}
    assert {"/models", "/dev/shm", "/var/cache/tensorrt"} == mounts


def test_ray_is_the_one_of_the_requirements():
    (pinned,) = re.findall(r"ray\[data\]==(\S+)", (ROOT / "requirements/ray.txt").read_text())
    job = find("bulk", "RayJob", "bulk-scoring")["spec"]
    assert job["rayClusterSpec"]["rayVersion"] == pinned
    assert f"rayproject/ray:{pinned}-" in (ROOT / "containers/scoring.Dockerfile").read_text()
    help_text = subprocess.run(
        [sys.executable, "-m", "scoring", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert [flag for flag in re.findall(r"--\S+", job["entrypoint"]) if flag not in help_text] == []
