"""Terms of the calculus that Lean 4's kernel checks: names, levels, expressions, declarations; how they are made."""
