"""What the inspector is measured by: `make bench-inspection`."""
