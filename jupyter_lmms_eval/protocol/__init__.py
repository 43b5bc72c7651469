"""The words on the wire and on disk; imports nothing else of this package."""
