"""From acting to training batches: collecting, storing, advantages, and the loaders of an epoch."""
