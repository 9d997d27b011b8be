"""The modes of conditioning in the drawn world, named like the recipes that train them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from datamodules.world.modes.audio_extend import AUDIO_EXTEND
from datamodules.world.modes.audio_ic import AUDIO_IC
from datamodules.world.modes.audio_inpaint import AUDIO_INPAINT
from datamodules.world.modes.audio_to_video import AUDIO_TO_VIDEO
from datamodules.world.modes.audio_video_ic import AUDIO_VIDEO_IC
from datamodules.world.modes.ic_canny import IC_CANNY
from datamodules.world.modes.ic_depth import IC_DEPTH
from datamodules.world.modes.ic_detailer import IC_DETAILER
from datamodules.world.modes.ic_pose import IC_POSE
from datamodules.world.modes.ic_union import IC_UNION
from datamodules.world.modes.image_to_video import IMAGE_TO_VIDEO
from datamodules.world.modes.mode import Canvas, Example, Footage, Mode, Scores
from datamodules.world.modes.text_to_audio import TEXT_TO_AUDIO
from datamodules.world.modes.video_extend import VIDEO_EXTEND
from datamodules.world.modes.video_inpaint import VIDEO_INPAINT
from datamodules.world.modes.video_outpaint import VIDEO_OUTPAINT
from datamodules.world.modes.video_to_audio import VIDEO_TO_AUDIO

ModeName = Literal[
    "image_to_video",
    "video_extend",
    "video_inpaint",
    "video_outpaint",
    "ic_canny",
    "ic_depth",
    "ic_pose",
    "ic_union",
    "ic_detailer",
    "audio_to_video",
    "video_to_audio",
    "text_to_audio",
    "audio_extend",
    "audio_inpaint",
    "audio_ic",
    "audio_video_ic",
]

MODES: Mapping[ModeName, Mode] = MappingProxyType(
    {
        "image_to_video": IMAGE_TO_VIDEO,
        "video_extend": VIDEO_EXTEND,
        "video_inpaint": VIDEO_INPAINT,
        "video_outpaint": VIDEO_OUTPAINT,
        "ic_canny": IC_CANNY,
        "ic_depth": IC_DEPTH,
        "ic_pose": IC_POSE,
        "ic_union": IC_UNION,
        "ic_detailer": IC_DETAILER,
        "audio_to_video": AUDIO_TO_VIDEO,
        "video_to_audio": VIDEO_TO_AUDIO,
        "text_to_audio": TEXT_TO_AUDIO,
        "audio_extend": AUDIO_EXTEND,
        "audio_inpaint": AUDIO_INPAINT,
        "audio_ic": AUDIO_IC,
        "audio_video_ic": AUDIO_VIDEO_IC,
    }
)

__all__ = ["MODES", "Canvas", "Example", "Footage", "Mode", "ModeName", "Scores"]
