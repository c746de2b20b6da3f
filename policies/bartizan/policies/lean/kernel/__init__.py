"""The kernel: the one part that decides whether a term proves what it says."""
