"""Lean source: terms written as it, its commands told apart, tasks for provers."""
