"""The clips of a dataset by name, whether it is a folder or a manifest."""

from ui.datasets.dataset import Dataset
from ui.datasets.entry import Listing
from ui.datasets.folder_listing import list_folder
from ui.datasets.manifest_listing import list_manifest


def list_clips(dataset: Dataset) -> Listing:
    """List a dataset; of a folder no file is opened.

    Raises:
        ValueError: If a manifest is not well formed, or there are too many files.
        OSError: If a folder or manifest cannot be read.
    """
    return list_manifest(dataset) if dataset.is_manifest else list_folder(dataset)
