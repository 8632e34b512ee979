"""The stack that scalability guides describe, written as a competent user writes it. Frozen: see ADR 0030."""
