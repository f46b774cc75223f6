"""Finished runs of other tools become studies."""
