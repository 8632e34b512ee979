"""The words that parts of Roadworthy share. This package knows nobody."""
