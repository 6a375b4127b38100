"""What comes with the package and needs no network: generated scenes, and small models trained on them."""
