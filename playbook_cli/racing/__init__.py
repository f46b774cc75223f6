"""Early stopping that keeps a study readable: a trial stops only if it has next to no chance to become the best."""
