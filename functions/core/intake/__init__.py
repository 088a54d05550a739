"""How a request becomes a generation, whichever way it comes."""
