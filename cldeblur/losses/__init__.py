"""Losses between restored and sharp images."""
