"""Believable data for the job board, drawn from a seed: real places, made-up companies and vacancies."""

from roadworthy.apps.hiring.demo.loader import DemoRefused, load_demo

__all__ = ["DemoRefused", "load_demo"]
