"""Training: batches, epochs, the conditions that end it, what it leaves behind."""
