"""How likely a model finds replies: what training watches and evaluation reports."""
