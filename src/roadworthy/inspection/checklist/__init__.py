"""Reads a checklist as teams write it, and writes verdicts back into it."""
