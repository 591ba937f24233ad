"""Training: data, objective, loop. Needs the extra `train`."""
