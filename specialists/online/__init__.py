"""Specialists behind an address: a large model, and OCR as a service."""

from specialists.online.azure import AzureRead
from specialists.online.large_model import LargeModel

__all__ = ["AzureRead", "LargeModel"]
