"""Other programs' output and other tools' runs, as records."""
