"""Small random checkpoints of real architectures, saved as `save_pretrained` does: what the specialists' tests load."""
