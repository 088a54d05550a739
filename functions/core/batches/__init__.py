"""Batches: many requests sent in one file, accepted row by row, and reported at the end."""
