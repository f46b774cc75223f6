"""Real, small training jobs: what the demo tunes, and the examples to copy a training script from."""
