"""The error of whatever a checkpoint holds or lacks."""


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file and the remedy."""
