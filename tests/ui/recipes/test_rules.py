"""What a recipe from a browser must not say: every attack is refused, and every shipped recipe passes."""

import pytest
import yaml

from tests.recipe_files import NAMES, RECIPES
from ui.recipes.overlays import Model, merged, overlay_text, overlays_for
from ui.recipes.rules import require_safe

STYLE = (RECIPES / "style.yaml").read_text()


def with_values(**groups: object) -> str:
    """The style recipe with values laid over it, whatever they are."""
    values = yaml.safe_load(STYLE)
    for group, own in groups.items():
        values[group] = {**values[group], **own} if isinstance(own, dict) and group in values else own
    return yaml.safe_dump(values)


def refused(text: str, workspace, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        require_safe(text, workspace)


@pytest.mark.parametrize("model", ["ltx-2.3-dev", "ltx-2.3-dev-fp8", "pico"])
@pytest.mark.parametrize("recipe", NAMES)
def test_shipped_recipes_are_safe(workspace, recipe, model: Model):
    overlays = map(overlay_text, [*overlays_for(recipe, model), "ema", "smoke"])
    require_safe(merged((RECIPES / f"{recipe}.yaml").read_text(), overlays).text, workspace)


@pytest.mark.parametrize(
    "tagged",
    [
        "!!python/object/apply:os.system ['touch /tmp/x']",
        "!!python/name:os.system",
        "!!python/module:os",
        "!custom {a: 1}",
        "!!binary aGVsbG8=",
        "!!str 5",
        "!!set {a, b}",
    ],
)
def test_yaml_tags_are_refused(workspace, tagged):
    refused(f"seed_everything: {tagged}\n", workspace, "tag")


def test_an_alias_bomb_is_refused(workspace):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    refused("\n".join(lines), workspace, "alias")


def test_an_alias_within_itself_is_refused(workspace):
    refused("a: &a [*a]\n", workspace, "alias")


def test_a_long_text_is_refused(workspace):
    refused(STYLE + "# " + "x" * 256 * 1024, workspace, "256 kB")


def test_a_deep_text_is_refused(workspace):
    refused("a: " + "[" * 5000 + "]" * 5000, workspace, "nested")


def test_a_key_given_twice_is_refused(workspace):
    refused("seed_everything: 1\nseed_everything: 2\n", workspace, "second time")


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words\n", "", "a: 1\n---\nb: 2\n", "a: [1\n", "? [a]\n: 1\n"])
def test_what_is_no_mapping_is_refused(workspace, text):
    refused(text, workspace, r"mapping|YAML")


@pytest.mark.parametrize(
    "class_path",
    [
        "os.system",
        "subprocess.Popen",
        "builtins.eval",
        "lightning.pytorch.callbacks.LambdaCallback",
        "lightning.pytorch.callbacks.lambda_function.LambdaCallback",
        "lightning.pytorch.callbacks.timer.os.system",
        "lightning.pytorch.strategies.DDPStrategy",
        "lightning.pytorch.profilers.AdvancedProfiler",
        "lightning.pytorch.plugins.MixedPrecision",
        "torch.hub.load",
        "torch.optim.lr_scheduler.LambdaLR",
        "torch.optim.optimizer.os.system",
        "callbacks.stop_on_signal.os.system",
        "callbacks.stop_on_signal.signal.signal",
        "ltx_module.cli.main",
        "ltx_module.recipe.os.system",
        "ltx_module.checkpoint.file.Path",
        "datamodules.captioning.endpoint.urllib.request.urlopen",
        "LambdaCallback",
        "AdamW",
        "Popen",
        "",
        " torch.optim.AdamW",
        "torch.optim.AdamW\n",
        "torch.optim.\uff21damW",
        "callbacks/../x.SaveLoRA",
    ],
)
def test_a_class_outside_the_allow_list_is_refused(workspace, class_path):
    callback = {"class_path": class_path, "init_args": {}}
    refused(with_values(trainer={"callbacks": [callback]}), workspace, "class_path")


@pytest.mark.parametrize(
    "class_path",
    [
        "torch.optim.AdamW",
        "torch.optim.lr_scheduler.CosineAnnealingLR",
        "bitsandbytes.optim.AdamW8bit",
        "lightning.pytorch.callbacks.EarlyStopping",
        "lightning.pytorch.loggers.CSVLogger",
        "callbacks.AdapterEMA",
        "callbacks.save_lora.SaveLoRA",
        "ltx_module.diffusion.conditioning.Suffix",
        "ltx_module.diffusion.sigmas.ShiftedLogitNormal",
    ],
)
def test_a_class_of_the_allow_list_passes(workspace, class_path):
    require_safe(with_values(trainer={"callbacks": [{"class_path": class_path}]}), workspace)


@pytest.mark.parametrize(
    "trainer",
    [
        {"callbacks": ["os.system"]},
        {"callbacks": ["LambdaCallback"]},
        {"callbacks": "callbacks.yaml"},
        {"callbacks": '[{"class_path": "os.system"}]'},
        {"callbacks+": ["os.system"]},
        {"callbacks+": [{"class_path": "os.system"}]},
        {"strategy": "os.system"},
        {"strategy": {"class_path": "os.system"}},
        {"strategy": '{"class_path": "os.system"}'},
        {"plugins": ["os.system"]},
        {"plugins": "subprocess.Popen"},
        {"profiler": "os.system"},
        {"profiler": {"class_path": "lightning.pytorch.profilers.SimpleProfiler", "init_args": {"dirpath": "/etc"}}},
        {"accelerator": "pty.spawn"},
        {"logger": "os.system"},
        {"logger": {"class_path": "os.system"}},
        {"fast_dev_run": "/etc/passwd"},
        {"callbacks": [{"class_path": "callbacks.SaveLoRA", "init_args": {"every_n_steps": "os.system"}}]},
        {"callbacks": [{"class_path": "callbacks.SaveLoRA", "dict_kwargs": {"a": {"b": ["os.system"]}}}]},
        {"callbacks": [{"class_path": "callbacks.SaveLoRA", "dict_kwargs": {"f": {"class_path": "os.system"}}}]},
        {"callbacks": [{"class_path": "callbacks.SaveLoRA", "init_args": "/etc/passwd"}]},
        {"callbacks": [{"class_path": "lightning.pytorch.callbacks.ModelCheckpoint", "init_args": {"dirpath": "/x"}}]},
        {"callbacks": [{"class_path": "lightning.pytorch.callbacks.ModelCheckpoint", "init_args": {"dirpath": "src"}}]},
        {"logger": [{"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": "../x"}}]},
        {"logger": [{"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"name": "../../x"}}]},
        {"default_root_dir": "/tmp/x"},
        {"default_root_dir": "runs/../.."},
    ],
)
def test_nothing_of_the_trainer_reaches_beyond_the_allow_list(workspace, trainer):
    refused(with_values(trainer=trainer), workspace, "trainer")


@pytest.mark.parametrize(
    "model",
    [
        {"optimizer": "os.system"},
        {"optimizer": "AdamW"},
        {"optimizer": "optimizer.yaml"},
        {"optimizer": {"class_path": "os.system"}},
        {"optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"foreach": "os.system"}}},
        {"lr_scheduler": {"class_path": "torch.optim.lr_scheduler.CyclicLR", "init_args": {"scale_fn": "os.system"}}},
        {"lr_scheduler": {"class_path": "torch.optim.lr_scheduler.LambdaLR", "init_args": {"lr_lambda": "os.system"}}},
        {"sigma_sampler": "/etc/passwd"},
        {"conditions": ["os.system"]},
        {"conditions": "/etc/passwd"},
        {"lora": "/etc/passwd"},
        {"lora": {"init_from": "/etc/ssh/ssh_host_rsa_key"}},
        {"lora": {"targets": "/etc/passwd"}},
        {"base_model": "/etc/passwd"},
        {"base_model": "models/../../secret"},
        {"base_model": "~/secret.safetensors"},
        {"text_encoder": "https://example.com/model"},
    ],
)
def test_nothing_of_the_model_reaches_beyond_the_allow_list(workspace, model):
    refused(with_values(model=model), workspace, "model")


@pytest.mark.parametrize(
    "groups",
    [
        {"data": {"path": "/etc"}},
        {"data": {"path": "datasets/../../x"}},
        {"data": {"path": "file:///etc"}},
        {"data": {"sets": [{"path": "/etc"}]}},
        {"data": {"sets": "/etc/passwd"}},
        {"data": {"regularisation": "/etc"}},
        {"data": {"regularisation": ["datasets/a", "/etc"]}},
        {"data": {"cache_dir": "/tmp/cache"}},
        {"data": {"trigger": '["a"]'}},
        {"data": "/etc/passwd"},
        {"sample": {"prompts": "/etc/passwd"}},
        {"sample": {"prompts": [{"prompt": "a", "image": "/etc/passwd"}]}},
        {"sample": {"prompts": ['{"prompt": "a", "image": "/etc/passwd"}']}},
        {"sample": {"distilled_lora": "/x.safetensors"}},
        {"evaluate": {"clip_model": "/models/clip"}},
        {"ckpt_path": "/tmp/evil.ckpt"},
        {"ckpt_path": "datasets/evil.ckpt"},
        {"config": "other.yaml"},
        {"json": "runs/x.json"},
        {"model.optimizer": {"class_path": "torch.optim.AdamW"}},
        {"trainer.callbacks+": [{"class_path": "callbacks.SaveLoRA"}]},
        {"seed_everything": "os.system"},
        {
            "trainer": {
                "callbacks": [
                    {
                        "class_path": "lightning.pytorch.callbacks.ModelCheckpoint",
                        "init_args": {"filename": "../../runs/x"},
                    }
                ]
            }
        },
    ],
)
def test_nothing_else_reaches_out_of_the_workspace(workspace, groups):
    refused(with_values(**groups), workspace, r"`\S+`")


def test_a_link_out_of_the_workspace_is_refused(workspace, tmp_path):
    (tmp_path / "secret").mkdir()
    (workspace.root / "datasets" / "inside").symlink_to(tmp_path / "secret")
    refused(with_values(data={"path": "datasets/inside"}), workspace, "data.path")


@pytest.mark.parametrize(
    "prompt", ["a: b", "see os.system", "../x", "~ or not", "a/b\\c", "<script>alert(1)</script>", "os.system", "!!x"]
)
def test_prompts_are_texts_whatever_they_say(workspace, prompt):
    require_safe(with_values(sample={"prompts": [prompt, {"prompt": prompt}]}), workspace)


def test_what_is_refused_is_named_with_key_value_and_way_out(workspace):
    with pytest.raises(ValueError, match="terminal") as raised:
        require_safe(with_values(trainer={"strategy": "os.system"}), workspace)
    assert "`trainer.strategy`" in str(raised.value)
    assert "'os.system'" in str(raised.value)
