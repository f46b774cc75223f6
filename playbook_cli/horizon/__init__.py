"""How long to train, measured: the best points at a ladder of lengths, with learning rates around their own."""
