"""What evaluations, polling and starting cost: ours beside lmms-eval's own server, in the same minutes.

Start it with ``python -m benchmarks``; ``--help`` lists the cases.
"""
