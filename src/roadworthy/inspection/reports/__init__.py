"""What an inspection found, for people and for programs."""
