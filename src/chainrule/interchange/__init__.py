"""Networks of other libraries as ours, and back: nothing of those libraries is imported to read."""
