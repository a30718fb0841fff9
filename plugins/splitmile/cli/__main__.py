"""`python -m splitmile.cli`."""

from splitmile.cli import main

main()
