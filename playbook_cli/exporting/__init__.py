"""A study as tables, and as another tool's storage."""
