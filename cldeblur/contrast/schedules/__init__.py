"""Schedules: the stage of the negatives as a function of the epoch."""
