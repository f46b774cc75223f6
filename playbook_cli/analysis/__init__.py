"""Pure functions from records to numbers: no I/O, no printing, no clock, no torch."""
