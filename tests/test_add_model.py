"""A user's own classifier: one entry in the manifest, one export, one reload, and the gateway serves it."""

import shutil

import httpx

from export.__main__ import main
from tests.checkpoints import keras_entry
from tests.conftest import ROOT
from tests.serving_process import ServingProcess


def test_entry_export_reload(tmp_path, sample_photo):
    networks, ensembles = (shutil.copytree(ROOT / name, tmp_path / name) for name in ("model_repository", "ensembles"))
    manifest = tmp_path / "models.toml"
    manifest.write_text((ROOT / "models.toml").read_text().replace('"zoo/', f'"{ROOT}/zoo/'))
    with ServingProcess(["--model-repository", networks, "--model-repository", ensembles]) as serving:
        url = serving.urls["Gateway"]
        before = httpx.post(f"{url}/", files={"file": sample_photo}).json()
        with manifest.open("a") as file:
            file.write(keras_entry(tmp_path))
        assert main(["hat", f"--manifest={manifest}", f"--networks={networks}", f"--ensembles={ensembles}"]) == 0
        assert "reloaded" in serving.reload()
        after = httpx.post(f"{url}/", files={"file": sample_photo}).json()
        assert set(after) - set(before) == {"prob_hat"}
        assert {name: after[name] for name in before} == before
        assert httpx.get(f"{url}/v1/models/hat").json()["task"] == "classification"
