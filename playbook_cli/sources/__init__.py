"""Which files a program is made of, and what they contain, without running any of it."""
