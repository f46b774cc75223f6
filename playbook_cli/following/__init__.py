"""What live programs write and print becomes evaluations, as they run."""
