"""Tables: files read strictly, columns understood, a network fitted, its run written down."""
