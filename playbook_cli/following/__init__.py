"""Turns what running programs print and write into evaluations."""
