"""Certificates: made, kept in files, checked at a level before a policy is loaded, taken over from Lean."""
