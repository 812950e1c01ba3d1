"""The command line: a file a command, each one call of the Python API."""
