"""Ways to run a server: in this process, and what they share."""
