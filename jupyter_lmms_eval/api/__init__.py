"""The FastAPI face of the engine: routes by subject, access, one table of errors."""
