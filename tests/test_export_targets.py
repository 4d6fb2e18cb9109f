"""GPU targets as far as they can be checked without a GPU: configs against Triton's protobuf, and the code around."""

import json
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from export import targets
from export.__main__ import parse
from export.manifest import load_manifest
from export.repository import NETWORKS, Repository
from tests import checkpoints
from tests.test_export import run

ROOT = Path(__file__).parents[1]
# Stands in for NVIDIA's program, which cannot be installed here: notes its flags and writes what it is told to.
TRTEXEC = """#!/bin/sh
printf '%s\\n' "$@" > "{folder}/flags"
for flag; do case $flag in --saveEngine=*) echo plan > "${{flag#*=}}";; esac; done
exit {status}
"""


def read_config(path):
    return text_format.Parse(path.read_text(), pb.ModelConfig())


@pytest.fixture
def folder(tmp_path):
    checkpoints.write_manifest(tmp_path, checkpoints.torch_entry(tmp_path), checkpoints.keras_entry(tmp_path))
    assert run(tmp_path) == 0
    return tmp_path


def install_trtexec(folder, monkeypatch, status=0):
    program = folder / "trtexec"
    program.write_text(TRTEXEC.format(folder=folder, status=status))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_cuda_config_is_the_cpus_on_a_gpu_with_the_accelerator(folder):
    for name in ("colour", "hat"):
        plain = read_config(folder / "networks" / name / "config.pbtxt")
        config = read_config(folder / "networks" / name / "configs" / "cuda.pbtxt")
        (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator
        assert accelerator.name == "tensorrt"
        assert "precision_mode" not in accelerator.parameters
        assert accelerator.parameters["trt_engine_cache_enable"] == "1"
        assert accelerator.parameters["trt_profile_min_shapes"] == "IMAGES:1x16x16x3"
        assert accelerator.parameters["trt_profile_opt_shapes"] == "IMAGES:8x16x16x3"
        assert accelerator.parameters["trt_profile_max_shapes"] == "IMAGES:8x16x16x3"
        assert [(sample.batch_size, list(sample.inputs["IMAGES"].dims)) for sample in config.model_warmup] == [
            (1, [16, 16, 3]),
            (8, [16, 16, 3]),
        ]
        assert config.instance_group[0].kind == pb.ModelInstanceGroup.KIND_GPU
        assert config.backend == plain.backend
        for field in ("name", "input", "output", "max_batch_size", "version_policy", "dynamic_batching"):
            assert getattr(config, field) == getattr(plain, field)
        assert config.parameters["checksum"] == plain.parameters["checksum"]


def test_accelerator_of_the_cpu_is_in_its_config_and_certificate_alone(folder):
    manifest = folder / "models.toml"
    manifest.write_text(manifest.read_text().replace("\nlabels", '\naccelerator = "openvino"\nlabels', 1))
    assert run(folder, "colour") == 0
    networks = folder / "networks"
    (accelerator,) = read_config(
        networks / "colour/config.pbtxt"
    ).optimization.execution_accelerators.cpu_execution_accelerator
    assert accelerator.name == "openvino"
    cuda = read_config(networks / "colour/configs/cuda.pbtxt").optimization.execution_accelerators
    assert not cuda.cpu_execution_accelerator
    assert len(cuda.gpu_execution_accelerator) == 1
    assert not read_config(networks / "hat/config.pbtxt").HasField("optimization")
    certificate = json.loads((networks / "colour/2/certificate.json").read_text())
    assert certificate["tools"]["openvino"] == version("openvino")
    assert certificate["entry"]["accelerator"] == "openvino"
    assert run(folder, "--check") == 0


def test_cuda_config_follows_the_manifest_and_its_engines_the_network(folder):
    path = folder / "networks/colour/configs/cuda.pbtxt"
    engines = read_engine_folder(path)
    manifest = folder / "models.toml"
    manifest.write_text(manifest.read_text().replace("labels", "max_batch_size = 1\nlabels", 1))
    assert run(folder, "colour", "--force") == 0
    config = read_config(path)
    assert config.max_batch_size == 1
    assert [sample.batch_size for sample in config.model_warmup] == [1]
    (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator
    assert not [name for name in accelerator.parameters if name.startswith("trt_profile")]
    certificate = folder / "networks/colour/2/certificate.json"
    certificate.write_text(certificate.read_text().replace('"network": "sha256:', '"network": "sha256:0123456789ab'))
    assert run(folder, "--configs-only") == 0
    assert read_engine_folder(path) == f"{targets.ENGINE_CACHE}/colour-0123456789ab" != engines


def read_engine_folder(path):
    (accelerator,) = read_config(path).optimization.execution_accelerators.gpu_execution_accelerator
    return accelerator.parameters["trt_engine_cache_path"]


def test_decoder_with_a_loop_has_no_profile_of_its_first_input_alone():
    (accelerator,) = read_config(
        NETWORKS / "caption/configs/cuda.pbtxt"
    ).optimization.execution_accelerators.gpu_execution_accelerator
    assert not [name for name in accelerator.parameters if name.startswith("trt_profile")]


@pytest.mark.parametrize("model", load_manifest().models, ids=lambda model: model.name)
def test_every_bundled_network_has_its_config_for_the_gpu(model):
    config = read_config(NETWORKS / model.name / "configs/cuda.pbtxt")
    assert [sample.batch_size for sample in config.model_warmup] == [1, config.max_batch_size]


def test_engine_cache_is_a_volume_of_the_container():
    assert f":{targets.ENGINE_CACHE}" in (ROOT / "docker-compose.yml").read_text()
    assert targets.ENGINE_CACHE in (ROOT / "containers/triton.Dockerfile").read_text()


def test_plan_is_built_with_one_profile_and_pinned_to_its_version(folder, monkeypatch):
    install_trtexec(folder, monkeypatch)
    assert run(folder, "colour", "--target", "tensorrt") == 0
    version = folder / "networks/colour/1"
    assert (version / "model.plan").read_text() == "plan\n"
    assert (folder / "flags").read_text().splitlines() == [
        f"--onnx={version / 'model.onnx'}",
        f"--saveEngine={version / 'model.new'}",
        "--stronglyTyped",
        "--skipInference",
        "--minShapes=IMAGES:1x16x16x3",
        "--optShapes=IMAGES:8x16x16x3",
        "--maxShapes=IMAGES:8x16x16x3",
    ]
    config = read_config(folder / "networks/colour/configs/tensorrt.pbtxt")
    assert (config.backend, config.default_model_filename) == ("tensorrt", "model.plan")
    assert list(config.version_policy.specific.versions) == [1]
    assert config.instance_group[0].profile == ["0"]
    assert not (folder / "networks/hat/configs/tensorrt.pbtxt").exists()


def test_newer_network_is_not_served_with_an_older_plan(folder, monkeypatch):
    install_trtexec(folder, monkeypatch)
    assert run(folder, "colour", "--target", "tensorrt") == 0
    assert run(folder, "colour", "--force") == 0
    assert Repository(folder / "networks").versions("colour") == [1, 2]
    assert not (folder / "networks/colour/configs/tensorrt.pbtxt").exists()


def test_network_that_tensorrt_does_not_take_changes_nothing(folder, monkeypatch, capsys):
    install_trtexec(folder, monkeypatch, status=1)
    assert run(folder, "colour", "--target", "tensorrt") == 2
    assert "trtexec builds no engine" in capsys.readouterr().err
    assert not (folder / "networks/colour/1/model.plan").exists()


def test_without_trtexec_the_remedy_is_named(folder, capsys):
    assert run(folder, "--target", "tensorrt") == 2
    assert "build plans on the GPU machine" in capsys.readouterr().err


def test_packages_for_the_container_are_those_of_export():
    pinned = {line for path in (ROOT / "requirements").glob("*.txt") for line in path.read_text().splitlines()}
    for line in (ROOT / "requirements/plan.txt").read_text().splitlines():
        assert line in pinned


def test_line_that_builds_plans_fits_the_compose_file():
    readme = (ROOT / "export/README.md").read_text()
    assert re.search(r"has not been run", readme)
    (line,) = re.findall(
        r"^docker compose --profile gpu run (.+?--target tensorrt')$", readme, re.DOTALL | re.MULTILINE
    )
    words = shlex.split(line.replace("\\\n", " "))
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    shell = words.index("sh")
    assert "gpu" in services[words[shell - 1]]["profiles"]
    program = words[shell + 2]
    assert (ROOT / re.search(r"-r (\S+)", program)[1]).is_file()
    parse(shlex.split(program.splitlines()[-1])[3:])


def test_plans_need_no_training_framework_and_nothing_of_serving():
    """In the container there are only Triton's packages and those of requirements/plan.txt."""
    code = "import sys, export.__main__, export.targets; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert not {"torch", "keras", "ultralytics", "h5py", "serving"} & set(loaded.split())
