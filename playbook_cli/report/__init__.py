"""One report value, and what draws it: terminal, HTML, JSON, pictures."""
