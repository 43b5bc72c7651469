"""What people touch in a notebook: magics, and the handles and cards they answer with."""
