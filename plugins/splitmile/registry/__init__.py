"""The registry: experiment files become plans."""
