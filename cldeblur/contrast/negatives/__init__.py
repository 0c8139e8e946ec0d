"""Generators: what makes negatives out of a batch."""
