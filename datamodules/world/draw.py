"""Drawing a scene: signed distances to the outlines, so that edges are smooth at any size and speed.

A pixel's share of the shape is `clamp(1/2 - distance, 0, 1)`, with the distance in pixels and negative inside.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from datamodules.world.scene import RGB, Scene, Shape

_TRAVEL = 0.25  # of the frame's side, on both sides of the middle
_EYE_LEVEL = -0.18
_EYES_APART = 0.24
_EYE_RADIUS = 0.1
_MOUTH_RADIUS = 0.32
_MOUTH_WIDTH = 0.045
_INK = (20, 20, 20)


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where the shape is at one moment."""

    x: float
    """Of the frame's width, from the left."""
    y: float
    """Of the frame's height, from the top."""
    scale: float
    """Factor of the scene's size."""
    angle: float
    """Radians, clockwise."""


def pose_at(scene: Scene, progress: float) -> Pose:
    """The pose of a scene's shape.

    Args:
        scene: The scene.
        progress: 0 at the first frame, 1 at the last.
    """
    shift = _TRAVEL * (2 * progress - 1)
    return Pose(
        x=0.5 + {"left": -shift, "right": shift}.get(scene.motion, 0.0),
        y=0.5 + {"up": -shift, "down": shift}.get(scene.motion, 0.0),
        scale=0.5 + progress * 0.8 if scene.motion == "grow" else 1.0,
        angle=progress * math.pi if scene.motion == "spin" else 0.0,
    )


def draw_frames(scene: Scene, *, frames: int, width: int, height: int) -> Tensor:
    """Draw a scene from its beginning to its end.

    Args:
        scene: What to draw.
        frames: Number of frames; one frame shows the middle of the motion.
        width: Pixels.
        height: Pixels.

    Returns:
        `(F, 3, H, W)`, uint8 RGB.
    """
    pictures = torch.empty(frames, 3, height, width, dtype=torch.uint8)
    for index in range(frames):
        progress = index / (frames - 1) if frames > 1 else 0.5
        pictures[index] = _draw(scene, pose_at(scene, progress), width, height)
    return pictures


def _draw(scene: Scene, pose: Pose, width: int, height: int) -> Tensor:
    """One picture, `(3, H, W)`, uint8."""
    rows = torch.arange(height)[:, None] + 0.5 - pose.y * height
    columns = torch.arange(width)[None] + 0.5 - pose.x * width
    radius = scene.size * pose.scale * min(width, height) / 2
    cosine, sine = math.cos(pose.angle), math.sin(pose.angle)
    # Positions in the shape's own frame, where its radius is 1.
    x = (cosine * columns + sine * rows) / radius
    y = (cosine * rows - sine * columns) / radius
    picture = _colour(RGB[scene.background]).expand(3, height, width)
    picture = _blend(picture, RGB[scene.colour], _distance(scene.shape, x, y) * radius)
    if scene.has_face:
        picture = _blend(picture, _INK, _face_distance(x, y) * radius)
    return picture.round().to(torch.uint8)


def _blend(picture: Tensor, colour: tuple[int, int, int], distance: Tensor) -> Tensor:
    share = (0.5 - distance).clamp(0, 1)
    return picture + share * (_colour(colour) - picture)


def _colour(rgb: tuple[int, int, int]) -> Tensor:
    return torch.tensor(rgb, dtype=torch.float32)[:, None, None]


def _distance(shape: Shape, x: Tensor, y: Tensor) -> Tensor:
    """Signed distance to the outline of a shape of radius 1, negative inside."""
    if shape == "circle":
        return torch.hypot(x, y) - 1
    corners = {"square": 4, "triangle": 3, "star": 10, "diamond": 4}[shape]
    turn = math.pi / 4 if shape == "square" else 0.0
    vertices = []
    for corner in range(corners):
        angle = turn + 2 * math.pi * corner / corners
        reach = 0.45 if shape == "star" and corner % 2 else 1.0
        narrow = 0.7 if shape == "diamond" else 1.0
        vertices.append((reach * narrow * math.sin(angle), -reach * math.cos(angle)))
    return _polygon_distance(x, y, vertices)


def _polygon_distance(x: Tensor, y: Tensor, vertices: list[tuple[float, float]]) -> Tensor:
    """Distance to the nearest edge; inside where a ray to the right crosses an odd number of edges."""
    squared = torch.full_like(x + y, math.inf)
    inside = torch.zeros_like(squared, dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(vertices, [*vertices[1:], vertices[0]], strict=True):
        edge_x, edge_y = bx - ax, by - ay
        along = ((x - ax) * edge_x + (y - ay) * edge_y) / (edge_x**2 + edge_y**2)
        along = along.clamp(0, 1)
        squared = torch.minimum(squared, (x - ax - along * edge_x) ** 2 + (y - ay - along * edge_y) ** 2)
        if edge_y != 0:
            crosses = ((ay > y) != (by > y)) & (x < ax + (y - ay) * edge_x / edge_y)
            inside ^= crosses
    distance = squared.sqrt()
    return torch.where(inside, -distance, distance)


def _face_distance(x: Tensor, y: Tensor) -> Tensor:
    """Signed distance to two eyes and a smile, in units of the shape's radius."""
    eyes = torch.hypot(x.abs() - _EYES_APART, y - _EYE_LEVEL) - _EYE_RADIUS
    smile = (torch.hypot(x, y) - _MOUTH_RADIUS).abs() - _MOUTH_WIDTH
    below = _MOUTH_RADIUS / 3 - y
    return torch.minimum(eyes, torch.maximum(smile, below))
