"""One training: session, optimiser, schedule, batches, checkpoints."""
