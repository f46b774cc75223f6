"""A study's folder: what its files contain, and who may write to it."""
