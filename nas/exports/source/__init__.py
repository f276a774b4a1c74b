"""The PyTorch source of an exported network."""
