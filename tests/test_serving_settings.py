"""Flags and environment variables of `python -m serving`."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from serving.backend_directory import lay_out_backends
from serving.errors import InstallationError, PortInUse, SettingsError
from serving.installation import Installation, find_installation, find_wheel, require_numpy_1
from serving.ports import take_ports
from serving.repositories import list_models
from serving.settings import Settings, flag, read_settings
from serving.triton import endpoint_options, require_configs, require_loopback
from tests.tiny_networks import write_ensemble, write_network


def test_flag_wins_over_environment(monkeypatch):
    monkeypatch.setenv("SERVING_GRPC_PORT", "7")
    monkeypatch.setenv("SERVING_METRICS_PORT", "9002")
    settings = read_settings(["--grpc-port", "9001"])
    assert (settings.grpc_port, settings.metrics_port, settings.gateway_port) == (9001, 9002, 8080)


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("SERVING_GATEWAY", "no", False),
        ("SERVING_HTTP", "1", True),
        ("SERVING_READY_TIMEOUT", "2.5", 2.5),
        ("SERVING_MODEL_REPOSITORY", "serving:tests", (Path("serving"), Path("tests"))),
        ("SERVING_TRITON_SECRET", "s", "s"),
        ("SERVING_GRPC_PORT", "", 8001),
    ],
)
def test_environment(monkeypatch, variable, text, value):
    monkeypatch.setenv(variable, text)
    assert getattr(read_settings([]), variable.removeprefix("SERVING_").lower()) == value


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--no-gateway"], "gateway", False),
        (
            ["--model-repository=serving", "--model-repository", "tests"],
            "model_repository",
            (Path("serving"), Path("tests")),
        ),
        (["--http", "--", "--trace-config=rate=1", "a b"], "triton_flags", "--trace-config=rate=1 'a b'"),
    ],
)
def test_flags(arguments, name, value):
    assert getattr(read_settings(arguments), name) == value


@pytest.mark.parametrize(
    ("arguments", "environment", "reason"),
    [
        (["--grpc-port", "70000"], {}, r"--grpc-port \(or SERVING_GRPC_PORT\) '70000': .* less than or equal to 65535"),
        (["--triton-host", "localhost"], {}, "--triton-host .* 'localhost' does not appear to be an IPv4 or IPv6"),
        (["--model-repository", "nowhere"], {}, "--model-repository .*'nowhere': .* not point to a directory"),
        ([], {"SERVING_GRPC_PORT": "many"}, "SERVING_GRPC_PORT.* 'many': .* valid integer"),
        ([], {"SERVING_HTTP": "perhaps"}, "SERVING_HTTP.* 'perhaps': .* valid boolean"),
    ],
)
def test_wrong_value_is_refused(monkeypatch, arguments, environment, reason):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=reason):
        read_settings(arguments)


def test_help_names_every_setting_but_the_secret(capsys):
    with pytest.raises(SystemExit):
        read_settings(["--help"])
    text = capsys.readouterr().out
    for name in Settings.model_fields:
        assert (flag(name) in text) != (name == "triton_secret")


@pytest.mark.parametrize(("host", "insists"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True)])
def test_embedded_server_listens(host, insists):
    require_loopback(Settings(triton_host=host, allow_public_triton=insists))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_embedded_server_refuses_other_machines(host):
    with pytest.raises(SettingsError, match="--allow-public-triton"):
        require_loopback(Settings(triton_host=host))


def test_http_is_off_and_dangerous_protocols_are_locked():
    options = endpoint_options(Settings(), "key")
    assert "--allow-http=false" in options
    assert "--grpc-restricted-protocol=model-repository,shared-memory,trace,logging:serving=key" in options
    assert not any(option.startswith("--http-") for option in options)


def test_port_zero_becomes_a_free_port_and_a_taken_one_is_named():
    settings, gateway = take_ports(Settings(grpc_port=0, metrics_port=0, gateway_port=0))
    with gateway:
        assert len({settings.grpc_port, settings.metrics_port, settings.gateway_port}) == 3
        assert gateway.getsockname() == ("127.0.0.1", settings.gateway_port)
        with pytest.raises(PortInUse, match=f"port {settings.gateway_port} on 127.0.0.1 is in use"):
            take_ports(settings)
    with pytest.raises(PortInUse, match="another endpoint of this one"):
        take_ports(settings.model_copy(update={"metrics_port": settings.grpc_port}))


def test_target_that_a_network_lacks_is_refused(tmp_path):
    for name in ("a", "b"):
        write_network(tmp_path, name)
    (tmp_path / "a/configs").mkdir()
    (tmp_path / "a/configs/cuda.pbtxt").touch()
    write_ensemble(tmp_path, "a")
    with pytest.raises(SettingsError, match=r"--model-config-name=cuda: there is no configs/cuda\.pbtxt of b\n"):
        require_configs(Settings(model_repository=(tmp_path,), model_config_name="cuda"))
    require_configs(Settings(model_repository=(tmp_path,)))


def test_temporary_folder_from_which_nothing_may_be_run_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.statvfs", lambda path: SimpleNamespace(f_flag=os.ST_NOEXEC))
    with pytest.raises(InstallationError, match=r"mounted noexec.*\n.*serving\.backend_directory FOLDER"):
        lay_out_backends(find_wheel(), tmp_path)


def test_numpy_2_is_refused(monkeypatch):
    monkeypatch.setattr("serving.installation.version", lambda package: "2.4.0")
    with pytest.raises(InstallationError, match=r"numpy 2\.4\.0 .* silently empty tensors"):
        require_numpy_1()


def test_installation_like_the_container_is_used_as_it_is(tmp_path):
    binary = tmp_path / "bin/tritonserver"
    binary.parent.mkdir()
    binary.touch(0o755)
    assert find_installation(str(tmp_path)) == Installation(
        binary, tmp_path / "backends", tmp_path / "caches", tmp_path / "lib", embedded=False
    )
    with pytest.raises(InstallationError, match="no tritonserver"):
        find_installation(str(tmp_path / "elsewhere"))


def test_reload_order_is_networks_then_steps_then_ensembles(tmp_path):
    ensemble = "platform: 'ensemble' ensemble_scheduling { step { model_name: 'z' model_version: -1 } }"
    for name, config in {"analyze": ensemble, "mend": "backend: 'python'"}.items():
        (tmp_path / "steps" / name).mkdir(parents=True)
        (tmp_path / "steps" / name / "config.pbtxt").write_text(config)
    write_network(tmp_path / "networks", "z")
    assert list_models([tmp_path / "networks", tmp_path / "steps"]) == ["z", "mend", "analyze"]
    write_network(tmp_path / "networks", "mend")
    with pytest.raises(SettingsError, match="two model repositories have a model 'mend'"):
        list_models([tmp_path / "networks", tmp_path / "steps"])
