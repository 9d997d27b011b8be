"""Poses: the skeleton of each person on black, from a top-down model such as ViTPose.

Such a model sees one person at a time, in a box that a detector finds. Without a detector the whole picture is the box,
which suits clips of one person who fills them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from datamodules.references.depth import batched
from datamodules.references.keypoints import Person, find_points, person_picture
from datamodules.references.model_directory import ModelDirectory, memory_errors, open_model_directory
from datamodules.references.signal import Picture
from datamodules.references.skeleton import draw_skeleton, openpose_points

_COCO_POINTS = 17


@dataclass(frozen=True, kw_only=True)
class PoseOptions:
    """Which skeletons are drawn."""

    sure: float = 0.3
    """From which certainty on a point is drawn, 0 to 1."""
    person: float = 0.5
    """From which certainty on the detector's box is a person's, 0 to 1."""

    def __post_init__(self) -> None:
        for name, value in (("sure", self.sure), ("person", self.person)):
            if not 0 <= value <= 1:
                raise ValueError(f"`pose.{name}` is {value:g}, but a certainty is between 0 and 1.")


def open_pose(
    model: Path | None, detector: Path | None, options: PoseOptions, *, batch_size: int = 8, device: str = "auto"
) -> "Pose":
    """The signal of models' directories, checked and not loaded yet.

    Raises:
        FileNotFoundError: If a directory is not there, or holds no model.
        ValueError: If there is no pose model, or a model is of another kind.
    """
    poses = open_model_directory(model, "model", "ForPoseEstimation", "a pose model, ViTPose for example")
    finder = None
    if detector is not None:
        finder = open_model_directory(detector, "detector", "ForObjectDetection", "a detector, RT-DETR for example")
    return Pose(poses, finder, options, batch_size=batch_size, device=device)


class Pose:
    """The signal.

    Args:
        model: Directory of a pose model with COCO's 17 points.
        detector: Directory of a detector that knows persons; None takes the whole picture for one.
        options: Which skeletons are drawn.
        batch_size: Frames, or persons, that go through a model at once.
        device: Such as `cuda`, or `auto`.

    Raises:
        ValueError: If the model has other points, or the detector knows no persons.
    """

    # Thin coloured lines lose 18 dB to colours at half size. Browsers other than Chrome do not play 4:4:4; FFmpeg does.
    pixels: ClassVar[str] = "yuv444p"

    def __init__(
        self,
        model: ModelDirectory,
        detector: ModelDirectory | None,
        options: PoseOptions,
        *,
        batch_size: int = 8,
        device: str = "auto",
    ) -> None:
        points = _num_points(model.config)
        if points != _COCO_POINTS:
            raise ValueError(
                f"`{model.option}` {str(model.path)!r} finds {points} points, but a skeleton is drawn from COCO's "
                f"{_COCO_POINTS}: give a ViTPose trained on COCO."
            )
        if detector is not None and not _person_labels(detector.config):
            raise ValueError(
                f"`{detector.option}` {str(detector.path)!r} does not know what a person is: give a detector trained "
                "on COCO, such as RT-DETR."
            )
        self.model, self.detector, self.options = model, detector, options
        self.batch_size, self.device = batch_size, device
        self._loaded: dict[str, tuple[Any, Any]] = {}

    @property
    def settings(self) -> Mapping[str, object]:
        """As `Signal`."""
        detector = self.detector.fingerprint if self.detector else None
        return {"model": self.model.fingerprint, "detector": detector, **asdict(self.options)}

    def draw(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        """As `Signal`."""
        for batch in batched(pictures, self.batch_size):
            found = self._persons(batch)
            drawn = [np.zeros_like(picture) for picture in batch]
            persons = [(index, person) for index, boxes in enumerate(found) for person in boxes]
            for begin in range(0, len(persons), self.batch_size):
                some = persons[begin : begin + self.batch_size]
                seen = [(batch[index], person) for index, person in some]
                for (index, _), (points, sure) in zip(some, self._points(seen), strict=True):
                    draw_skeleton(drawn[index], openpose_points(points, sure, self.options.sure))
            yield from drawn

    def _persons(self, batch: list[Picture]) -> list[list[Person]]:
        """The persons of each picture."""
        import torch

        if self.detector is None:
            return [[Person(0.0, 0.0, float(picture.shape[1]), float(picture.shape[0]))] for picture in batch]
        processor, model = self._load("detector", self.detector, "AutoModelForObjectDetection")
        inputs = processor(images=batch, return_tensors="pt").to(model.device)
        with torch.inference_mode(), memory_errors(self.batch_size):
            outputs = model(**inputs)
        sizes = [picture.shape[:2] for picture in batch]
        results = processor.post_process_object_detection(outputs, threshold=self.options.person, target_sizes=sizes)
        labels = _person_labels(self.detector.config)
        return [_boxes(result, labels) for result in results]

    def _points(self, seen: list[tuple[Picture, Person]]) -> list[tuple[NDArray[np.float64], NDArray[np.float32]]]:
        """The points of each person, and how sure they are."""
        import torch

        processor, model = self._load("model", self.model, "VitPoseForPoseEstimation")
        height, width = int(processor.size["height"]), int(processor.size["width"])
        crops = np.stack([person_picture(picture, person, width, height) for picture, person in seen])
        values = torch.from_numpy(crops).permute(0, 3, 1, 2).float() * processor.rescale_factor  # (B, 3, h, w)
        mean, spread = (
            torch.tensor(numbers).view(1, 3, 1, 1) for numbers in (processor.image_mean, processor.image_std)
        )
        inputs = {"pixel_values": ((values - mean) / spread).to(model.device)}
        if getattr(model.config.backbone_config, "num_experts", 1) > 1:  # ViTPose++; the first data set is COCO
            inputs["dataset_index"] = torch.zeros(len(seen), dtype=torch.long, device=model.device)
        with torch.inference_mode(), memory_errors(self.batch_size):
            heatmaps = model(**inputs).heatmaps.float().cpu().numpy()
        pairs = zip(heatmaps, seen, strict=True)
        return [find_points(heatmap, person, width, height) for heatmap, (_, person) in pairs]

    def _load(self, name: str, directory: ModelDirectory, kind: str) -> tuple[Any, Any]:
        if name not in self._loaded:
            self._loaded[name] = directory.processor(), directory.load(kind, self.device)
        return self._loaded[name]


def _num_points(config: Mapping[str, Any]) -> int:
    labels = config.get("id2label")
    return len(labels) if isinstance(labels, dict) else int(config.get("num_labels", _COCO_POINTS))


def _person_labels(config: Mapping[str, Any]) -> set[int]:
    return {int(number) for number, name in (config.get("id2label") or {}).items() if str(name).lower() == "person"}


def _boxes(result: Mapping[str, Any], labels: set[int]) -> list[Person]:
    """The persons among what a detector found."""
    found = zip(result["boxes"].tolist(), result["labels"].tolist(), strict=True)
    boxes = [box for box, label in found if label in labels]
    persons = [Person(left, top, right - left, bottom - top) for left, top, right, bottom in boxes]
    return [person for person in persons if person.width > 1 and person.height > 1]
