"""Image in, annotations out: one adapter per role, the checkpoint is configuration."""
