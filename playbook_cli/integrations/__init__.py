"""Trials inside other libraries' training loops: one module per library, imported by the scripts that use it."""
