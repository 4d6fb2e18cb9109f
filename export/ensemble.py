"""The configs of `ensembles/`: preprocess, the steps behind the networks, and the ensemble `analyze` over all."""

import json
from collections.abc import Iterable
from pathlib import Path

from tritonclient.grpc import model_config_pb2 as pb

from contract.card import Card, Region
from contract.pixels import MAX_PIXELS
from contract.tasks import IMAGE, IMAGE_SIZE, Task
from export.certificate import Certificate
from export.configs import schedule, to_text, write_text
from export.entry import STEPS, Model
from export.preprocessing import geometry_of
from export.tasks import TASKS, regions
from export.tasks.regions import measure_upright
from export.wiring import STEP_BATCH, Served, Wiring, add_tensor


def write_ensemble(served: Served, ensembles: Path, instances: int = 2) -> None:
    """The configs of the steps that some model needs, and the vocabularies beside the caption step."""
    configs = {config.name: config for config in ensemble_configs(served, instances)}
    for step in STEPS - configs.keys():
        # Serving passes over a folder without a config.
        (ensembles / step / "config.pbtxt").unlink(missing_ok=True)
    for name, config in configs.items():
        write_text(ensembles / name / "config.pbtxt", to_text(config))
    vocabularies = {model.name: certificate.labels for model, certificate, _ in served if model.task is Task.CAPTION}
    text = json.dumps(vocabularies, ensure_ascii=False, indent=0) + "\n"
    write_text(ensembles / "postprocess_caption" / "1" / "vocabularies.json", text)


def ensemble_configs(served: Served, instances: int) -> Iterable[pb.ModelConfig]:
    wiring = wire(served)
    yield preprocess_config(wiring, instances)
    used = {model.task for model, _, _ in served}
    steps = [TASKS[task].step_config(served) for task in TASKS if task in used]
    yield from (step for step in [*steps, regions.step_config(served)] if step)
    yield wiring.config


def wire(served: Served) -> Wiring:
    """The ensemble: preprocess first, then every model as its task says, and a card of each."""
    wiring = Wiring.create(served)
    for model, certificate, version in served:
        TASKS[model.task].wire(wiring, model, certificate)
        card = make_card(model, certificate, version)
        wiring.config.parameters[model.name].string_value = card.to_json()
    outputs = {name: name for name in [IMAGE_SIZE, *wiring.preprocessed]}
    wiring.config.ensemble_scheduling.step.insert(
        0,
        pb.ModelEnsembling.Step(
            model_name="preprocess", model_version=-1, input_map={IMAGE: IMAGE}, output_map=outputs
        ),
    )
    return wiring


def make_card(model: Model, certificate: Certificate, version: int) -> Card:
    """What clients need to know about a model."""
    return Card(
        name=model.name,
        task=model.task,
        version=str(version),
        checksum=certificate.checksum,
        geometry=model.geometry.model_dump(mode="json", exclude_defaults=True),
        default=model.default,
        region=Region(**model.region.model_dump()) if model.region else None,
        about=model.about,
        licence=model.licence,
        scores=model.scores,
        link=model.link,
        **TASKS[model.task].describe(model, certificate),
    )


def preprocess_config(wiring: Wiring, instances: int) -> pb.ModelConfig:
    """The decode step with what the ensemble's other steps need of it."""
    config = pb.ModelConfig(name="preprocess", backend="python", max_batch_size=STEP_BATCH)
    add_tensor(config.input, IMAGE, pb.TYPE_STRING, [1])
    add_tensor(config.output, IMAGE_SIZE, pb.TYPE_INT32, [2])
    for output in wiring.preprocessed.values():
        add_tensor(config.output, *output)
    geometries = {geometry_of(model).tensor: model.geometry for model, _, _ in wiring.served if not model.region}
    described = [geometry.model_dump(mode="json", exclude_defaults=True) for geometry in geometries.values()]
    parameters = {
        "geometries": described,
        "needs": wiring.needs,
        "models": wiring.named,
        "max_pixels": MAX_PIXELS,
        "upright_side": measure_upright(model for model, _, _ in wiring.served),
    }
    for name, value in parameters.items():
        config.parameters[name].string_value = json.dumps(value)
    return schedule(config, instances)
