"""What is claimed of a policy, and how a proof of it is found: facts about leaves, decision trees, limits over time."""
