"""Files of replies: written from a checkpoint, read, and checked."""
