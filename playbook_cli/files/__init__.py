"""The files of a study: their names, atomic writes, JSON lines, and checks that they are regular files."""
