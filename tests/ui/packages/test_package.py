"""Which files make the package, and how it is sent."""

import io
import os
import tracemalloc
import zipfile

import pytest

from tests.ui.packages.made import export, write_package
from tests.ui.tries.made import write_run
from ui.packages.package import package_of
from ui.packages.zip_file import zip_name, zip_stream


def names(package):
    return [file.name for file in package.files]


def opened(workspace, run="mine-1"):
    return zipfile.ZipFile(io.BytesIO(b"".join(zip_stream(workspace, run))))


def test_a_package_lists_lora_workflows_notes_and_check(workspace, root):
    write_package(root)
    package = package_of(workspace, "mine-1")
    assert [(file.name, file.label) for file in package.files] == [
        ("mine-1-000020.safetensors", "LoRA"),
        ("mine-1-000020-fast.json", "workflow fast"),
        ("mine-1-000020-quality.json", "workflow quality"),
        ("README.md", "notes"),
        ("mine-1-000020.check.json", "load report"),
    ]
    assert package.size == sum(path.stat().st_size for path in package.directory.iterdir())


def test_a_run_without_export_has_no_package(workspace, root):
    write_run(root)
    assert package_of(workspace, "mine-1") is None
    with pytest.raises(ValueError, match="no ComfyUI package yet"):
        zip_stream(workspace, "mine-1")


def test_the_newest_export_is_the_package_and_earlier_ones_are_named(workspace, root):
    run = write_package(root, step=20)
    export(run, 10)
    os.utime(run / "export" / "mine-1-000020.safetensors", (1, 1))
    package = package_of(workspace, "mine-1")
    assert package.name == "mine-1-000010"
    assert package.earlier == ("mine-1-000020.safetensors",)
    assert not any("000020" in name for name in names(package))


def test_the_zip_holds_the_files_as_they_are_with_weights_stored(workspace, root):
    run = write_package(root)
    with opened(workspace) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted(
            f"mine-1-000020/{file.name}" for file in package_of(workspace, "mine-1").files
        )
        for entry in archive.infolist():
            assert archive.read(entry) == (run / "export" / entry.filename.partition("/")[2]).read_bytes()
        lora = archive.getinfo("mine-1-000020/mine-1-000020.safetensors")
        assert lora.compress_type == zipfile.ZIP_STORED
    assert zip_name(workspace, "mine-1") == "mine-1-000020.zip"


def test_links_that_lead_out_are_left_out_and_named(workspace, root, tmp_path_factory):
    run = write_package(root)
    secret = tmp_path_factory.mktemp("secret")
    (secret / "key.json").write_text("secret")
    (run / "export" / "mine-1-000020-link.json").symlink_to(secret / "key.json")
    (run / "export" / "model-card").symlink_to(secret)
    (run / "export" / "mine-1-000020-recipe.json").symlink_to(run / "recipe.yaml")  # in the workspace, yet no export
    package = package_of(workspace, "mine-1")
    assert package.left_out == ("mine-1-000020-link.json", "mine-1-000020-recipe.json", "model-card")
    with opened(workspace) as archive:
        assert not any(b"secret" in archive.read(name) for name in archive.namelist())


def test_an_export_folder_that_leads_out_is_refused(workspace, root, tmp_path_factory):
    run = write_run(root)
    (run / "export").symlink_to(tmp_path_factory.mktemp("outside"))
    with pytest.raises(ValueError, match="outside"):
        package_of(workspace, "mine-1")


@pytest.mark.parametrize("run", ["..", "../runs/mine-1", "/etc", "nothing"])
def test_a_name_that_is_no_run_is_refused(workspace, root, run):
    write_package(root)
    with pytest.raises(ValueError, match=r"no run|not the name|outside"):
        zip_stream(workspace, run)


def test_hidden_and_foreign_files_stay_out(workspace, root):
    run = write_package(root)
    (run / "export" / ".mine-1.safetensors.1-ab.tmp").write_text("half")
    (run / "export" / "notes-of-mine.txt").write_text("mine")
    assert not {".mine-1.safetensors.1-ab.tmp", "notes-of-mine.txt"} & set(names(package_of(workspace, "mine-1")))


def test_a_large_file_is_sent_in_constant_memory(workspace, root):
    run = write_package(root)
    with (run / "export" / "mine-1-000020.safetensors").open("r+b") as file:
        file.truncate(200 * 2**20)
    tracemalloc.start()
    sent = sum(len(part) for part in zip_stream(workspace, "mine-1"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sent > 200 * 2**20
    assert peak < 12 * 2**20  # a few chunks of 1 MiB
