"""Runs and sweeps as files, and runs before they begin: comparison, statistics, figures, reports."""
