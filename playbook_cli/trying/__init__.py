"""One short trial of a study, in a folder of its own: what reaches the program, what it tells, and what it costs."""
