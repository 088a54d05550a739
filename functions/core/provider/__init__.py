"""The provider's contract, its key, and when to ask it."""
