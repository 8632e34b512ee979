"""Looks around a repository and this machine for what a target.toml would name."""
