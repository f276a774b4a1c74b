"""The training of one network: session, optimiser, schedule, batches, checkpoints."""
