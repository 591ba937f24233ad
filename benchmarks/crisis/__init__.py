"""How well signals of a crisis are found: see docs/safety.md."""
