"""Policies as kernel terms, and back to the last byte: one class for each constructor of decision 0020."""
