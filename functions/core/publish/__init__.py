"""How a generation is shown to its owner and announced to the world."""
