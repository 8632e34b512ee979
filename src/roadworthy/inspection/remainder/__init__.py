"""What a line claims beyond what the verdicts on it looked at: with such a remainder it can't be said to hold."""

from roadworthy.inspection.remainder.beyond import beyond, off_the_point
from roadworthy.inspection.remainder.covering import Answered
from roadworthy.inspection.remainder.narrowing import narrowed

__all__ = ["Answered", "beyond", "narrowed", "off_the_point"]
