"""Tasks of a shop's and an airline's service desk with a policy of amounts and limits, in the manner of tau-bench.

The tasks, tools and policies are our own, and the agent is a script that makes the calls a well-meaning model makes:
too much, the wrong item of a list, an option too many, a card number in a note. :mod:`.world` has the tools and an
independent judge of what ran, :mod:`.tasks` the tasks, :mod:`.runs` runs them, not guarded, blocked and corrected.
"""
