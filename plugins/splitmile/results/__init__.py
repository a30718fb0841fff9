"""Finished results."""
