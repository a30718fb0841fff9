"""Measurements that a person starts; docs/scaling.md shows what they found."""
