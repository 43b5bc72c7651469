"""What runs inside an evaluation process; started with ``python -m``, never imported by other rooms."""
