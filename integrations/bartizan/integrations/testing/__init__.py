"""For tests of what stands on a guard: what every door to a framework must do, run with the real framework."""
