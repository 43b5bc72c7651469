"""A model plug-in for lmms-eval that gets into real trouble at a chosen sample."""
