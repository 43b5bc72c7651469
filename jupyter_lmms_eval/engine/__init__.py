"""Queue, devices, store and life of evaluation jobs; knows nothing of HTTP or Jupyter."""
