"""Trials inside other libraries' training loops, a module for each library, imported by the scripts that use it."""
