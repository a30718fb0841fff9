"""Finished results: frozen and versioned, what publishing shows and what is printed for a file."""
