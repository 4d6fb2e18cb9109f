"""GPU targets as far as they can be checked without a GPU: configs against Triton's protobuf, and the code around."""

import importlib
import json
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from export import targets
from export.__main__ import parse
from export.repository import Repository
from serving.errors import InstallationError
from serving.fingerprint import Fingerprint, check_plans, spell_version
from tests import checkpoints
from tests.test_export import run

ROOT = Path(__file__).parents[1]
HERE = Fingerprint("NVIDIA L4", "8.9", "570.86.15", "10.13.2")


def read_config(path):
    return text_format.Parse(path.read_text(), pb.ModelConfig())


@pytest.fixture
def folder(tmp_path):
    checkpoints.write_manifest(tmp_path, checkpoints.torch_entry(tmp_path), checkpoints.keras_entry(tmp_path))
    assert run(tmp_path) == 0
    return tmp_path


@pytest.fixture
def tensorrt(monkeypatch):
    """A stand-in with the calls of NVIDIA's documentation, as TensorRT cannot be installed here."""
    stand_in = StandIn()
    monkeypatch.setitem(sys.modules, "tensorrt", stand_in)
    monkeypatch.setattr(targets, "read_fingerprint", lambda: HERE)
    monkeypatch.setattr("serving.fingerprint.read_fingerprint", lambda: HERE)
    return stand_in


class StandIn(SimpleNamespace):
    """Records what the builder is given; `parses` says whether the parser accepts the network."""

    def __init__(self):
        super().__init__(
            __version__="10.13.2.6",
            parses=True,
            shapes=[],
            Logger=type("Logger", (), {"WARNING": 1, "__init__": lambda self, level: None}),
            MemoryPoolType=SimpleNamespace(WORKSPACE="workspace"),
            NetworkDefinitionCreationFlag=SimpleNamespace(STRONGLY_TYPED=1),
        )
        self.cache = SimpleNamespace(serialize=lambda: b"timings")
        self.config = SimpleNamespace(
            set_memory_pool_limit=lambda pool, size: None,
            add_optimization_profile=lambda profile: 0,
            create_timing_cache=lambda data: self.cache,
            set_timing_cache=lambda cache, ignore_mismatch: True,
            get_timing_cache=lambda: self.cache,
        )
        profile = SimpleNamespace(set_shape=lambda *shape: self.shapes.append(shape))
        self.builder = SimpleNamespace(
            create_network=lambda flags: SimpleNamespace(flags=flags),
            create_builder_config=lambda: self.config,
            create_optimization_profile=lambda: profile,
            build_serialized_network=lambda network, config: b"plan" if network.flags == 2 else None,
        )
        self.Builder = lambda logger: self.builder
        self.OnnxParser = lambda network, logger: SimpleNamespace(
            parse=lambda data: self.parses, num_errors=1, get_error=lambda index: "no importer for NonZero"
        )


def test_cuda_config_is_the_cpus_on_a_gpu_with_the_accelerator(folder):
    assert run(folder, "--target", "cuda") == 0
    for name in ("colour", "hat"):
        plain = read_config(folder / "networks" / name / "config.pbtxt")
        config = read_config(folder / "networks" / name / "configs" / "cuda.pbtxt")
        (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator
        assert accelerator.name == "tensorrt"
        assert accelerator.parameters["precision_mode"] == "FP32"
        assert accelerator.parameters["trt_engine_cache_enable"] == "1"
        assert config.instance_group[0].kind == pb.ModelInstanceGroup.KIND_GPU
        assert config.backend == plain.backend
        for field in ("name", "input", "output", "max_batch_size", "version_policy", "dynamic_batching"):
            assert getattr(config, field) == getattr(plain, field)
        assert config.parameters["checksum"] == plain.parameters["checksum"]


def test_accelerator_of_the_cpu_is_in_its_config_and_certificate_alone(folder):
    manifest = folder / "models.toml"
    manifest.write_text(manifest.read_text().replace("\nlabels", '\naccelerator = "openvino"\nlabels', 1))
    assert run(folder, "colour") == 0
    assert run(folder, "colour", "--target", "cuda") == 0
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


def test_cuda_config_follows_the_manifest(folder):
    assert run(folder, "--target", "cuda") == 0
    manifest = folder / "models.toml"
    manifest.write_text(manifest.read_text().replace("labels", "max_batch_size = 4\nlabels", 1))
    assert run(folder, "colour", "--force") == 0
    assert read_config(folder / "networks/colour/configs/cuda.pbtxt").max_batch_size == 4


def test_engine_cache_is_a_volume_of_the_container():
    assert f":{targets.ENGINE_CACHE}" in (ROOT / "docker-compose.yml").read_text()
    assert targets.ENGINE_CACHE in (ROOT / "containers/triton.Dockerfile").read_text()


def test_plan_is_built_with_one_profile_and_pinned_to_its_version(folder, tensorrt):
    assert run(folder, "colour", "--target", "tensorrt") == 0
    version = folder / "networks/colour/1"
    assert (version / "model.plan").read_bytes() == b"plan"
    assert json.loads((version / "plan.json").read_text())["tensorrt"] == "10.13.2"
    assert (folder / "networks/.tensorrt-timing-cache").read_bytes() == b"timings"
    assert tensorrt.shapes == [("IMAGES", (1, 16, 16, 3), (8, 16, 16, 3), (8, 16, 16, 3))]
    config = read_config(folder / "networks/colour/configs/tensorrt.pbtxt")
    assert (config.backend, config.default_model_filename) == ("tensorrt", "model.plan")
    assert list(config.version_policy.specific.versions) == [1]
    assert config.instance_group[0].profile == ["0"]
    assert not (folder / "networks/hat/configs").exists()


def test_newer_network_is_not_served_with_an_older_plan(folder, tensorrt):
    assert run(folder, "colour", "--target", "tensorrt") == 0
    assert run(folder, "colour", "--force") == 0
    assert Repository(folder / "networks").versions("colour") == [1, 2]
    assert not (folder / "networks/colour/configs/tensorrt.pbtxt").exists()


def test_network_that_tensorrt_does_not_take_changes_nothing(folder, tensorrt, capsys):
    tensorrt.parses = False
    assert run(folder, "colour", "--target", "tensorrt") == 2
    assert "no importer for NonZero; serve this model with --target cuda" in capsys.readouterr().err
    assert not (folder / "networks/colour/1/model.plan").exists()


def test_without_tensorrt_the_remedy_is_named(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    assert run(folder, "--target", "tensorrt") == 2
    assert "build plans on the GPU machine" in capsys.readouterr().err


def test_serving_refuses_plans_of_another_machine(folder, tensorrt, monkeypatch):
    assert run(folder, "colour", "--target", "tensorrt") == 0
    check_plans([folder / "networks"])
    other = Fingerprint("NVIDIA H100", "9.0", HERE.driver, HERE.tensorrt)
    monkeypatch.setattr("serving.fingerprint.read_fingerprint", lambda: other)
    with pytest.raises(InstallationError, match=r"was built for .*NVIDIA L4"):
        check_plans([folder / "networks"])


def test_repository_without_plans_needs_no_gpu(folder):
    check_plans([folder / "networks"])


@pytest.mark.parametrize(("number", "text"), [(101302, "10.13.2"), (110000, "11.0.0")])
def test_version_numbers_are_spelt_as_tensorrt_spells_them(number, text):
    assert spell_version(number) == text


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
    read_version = re.search(r'python3 -c "from (\S+) import (\S+) as', program)
    assert callable(getattr(importlib.import_module(read_version[1]), read_version[2]))
    parse(shlex.split(program.splitlines()[-1])[3:])


def test_plans_need_no_training_framework():
    """In the container there are only Triton's packages and those of requirements/plan.txt."""
    code = "import sys, export.__main__, export.targets; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert not {"torch", "keras", "ultralytics", "h5py", "tensorrt"} & set(loaded.split())
