"""Files of a study as files: names, whole writes, JSON lines, and nothing that is no plain file."""
