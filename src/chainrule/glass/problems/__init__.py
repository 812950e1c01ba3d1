"""Problems as a lecturer sets them, and what a reader claims of their numbers."""
