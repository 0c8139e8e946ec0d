"""Level curves: how sharp the negatives are at each stage."""
