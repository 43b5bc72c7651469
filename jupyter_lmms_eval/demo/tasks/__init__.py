"""The demonstration's lmms-eval tasks: pass this folder as `--include_path`."""
