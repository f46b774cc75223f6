"""The whole loop on its own: sweep, study, what its findings ask for, repeats on fresh seeds, an answer."""
