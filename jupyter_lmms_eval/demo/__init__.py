"""Demonstration of a multimodal evaluation that downloads nothing: digit tasks and two tiny real models."""
