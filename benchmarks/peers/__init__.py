"""Who is measured. A contestant is imported, and its library needed, when it is created."""
