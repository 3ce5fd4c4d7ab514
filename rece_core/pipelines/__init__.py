"""Erasing from pipelines of diffusers, in place; nothing of diffusers is imported here."""

from .erase_pipeline import erase

__all__ = ["erase"]
