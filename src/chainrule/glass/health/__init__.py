"""What a step says of a network: its health, and what each instruction costs."""
