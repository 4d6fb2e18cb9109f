"""What the closing table says beside its rows, and an export that changes nothing."""

from tests import checkpoints
from tests.test_export import run, tree
from tests.test_export_files import READY, write_onnx


def test_a_dry_run_converts_compares_and_changes_nothing(tmp_path, capsys):
    write_onnx(tmp_path / "ready.onnx")
    checkpoints.write_manifest(tmp_path, READY)
    before = tree(tmp_path)
    assert run(tmp_path, "--dry-run") == 0
    assert "comparing with onnx" in capsys.readouterr().out
    assert tree(tmp_path) == before
    checkpoints.write_manifest(tmp_path, READY.replace('["no", "yes"]', '["no", "yes", "both"]'))
    assert run(tmp_path, "--dry-run") == 2


def test_a_renamed_entry_s_old_network_is_told(tmp_path, capsys):
    write_onnx(tmp_path / "ready.onnx")
    checkpoints.write_manifest(tmp_path, READY)
    assert run(tmp_path) == 0
    printed = capsys.readouterr().out
    assert "tolerated: what the entry's atol" in printed
    assert "no entry has this name" not in printed
    checkpoints.write_manifest(tmp_path, READY.replace("models.smiling", "models.happy"))
    assert run(tmp_path) == 0
    assert (
        f"smiling: no entry has this name any more, but Triton loads it: delete {tmp_path}" in capsys.readouterr().out
    )
