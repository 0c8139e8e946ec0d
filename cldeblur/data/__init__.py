"""Pairs on disk, or made from sharp photographs, turned into batches."""
