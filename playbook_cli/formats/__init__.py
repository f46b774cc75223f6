"""Formats of files that more than one reader knows: tables, TensorBoard's events, marks in text."""
