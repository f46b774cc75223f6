"""A study's folder: what its files say, and who may write there."""
