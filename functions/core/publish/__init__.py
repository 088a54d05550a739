"""Show a generation to its owner, and announce its end."""
