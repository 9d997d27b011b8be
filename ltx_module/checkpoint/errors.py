"""The one error a user sees when a model file cannot be used."""


class CheckpointError(ValueError):
    """A model file or directory cannot be used; the message gives the reason and the way out."""
