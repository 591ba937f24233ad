"""Evaluation: metrics of checkpoints under named protocols. Needs the extra `eval`."""
