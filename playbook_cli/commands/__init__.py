"""One file a verb: what the command line asks for, wired to the parts that do it."""
