"""Several systems beside each other: what is measured, tested and printed."""
