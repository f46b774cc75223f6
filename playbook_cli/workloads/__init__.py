"""Small but real training jobs: the demo tunes them, and they are examples to copy a training script from."""
