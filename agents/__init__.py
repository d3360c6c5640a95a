"""Agents that see objects and learn in imagination; prepared, filled by the next release."""
