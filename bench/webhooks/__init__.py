"""What providers report, all at once."""
