"""Accept a request as a generation, whether it arrives over HTTP, in a file or as an event."""
