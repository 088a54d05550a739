"""The table: the ledger of generations, and the places at the provider."""
