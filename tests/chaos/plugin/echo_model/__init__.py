"""A model plug-in for lmms-eval that answers slowly, predictably, and keeps account of what it was asked."""
