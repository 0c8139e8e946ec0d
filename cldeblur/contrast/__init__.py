"""The contrastive term: features, negatives, schedules, levels, objectives, weighting, diagnostics."""
