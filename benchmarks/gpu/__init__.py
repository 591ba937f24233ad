"""What `make gpu` runs: the timed suite of a GPU, and the proof that comes before it."""
