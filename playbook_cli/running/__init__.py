"""The loop of a study, and how it is shown."""
