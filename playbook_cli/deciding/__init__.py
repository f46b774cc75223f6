"""Which of the best points to take: new seeds go to those that are not decided yet, until the choice is made."""
