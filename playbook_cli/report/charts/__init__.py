"""The charts of a report as Altair values: one selection, the signal `trial`, shared by all.

No name that a user chose is ever a field name or part of an expression: hyperparameters are p0, p1, ..., and names
appear as plain titles and plain data. The same chart draws the page (as wide as what contains it, data from the page's
one store) and the pictures (fixed width, data inside).
"""
