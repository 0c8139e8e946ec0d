"""Objectives: formulas that turn feature distances into a loss."""
