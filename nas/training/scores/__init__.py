"""Training-free scores of networks."""
