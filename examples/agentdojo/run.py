"""AgentDojo's suites through guarded LangGraph agents: the same as ``bartizan demo``, from any directory.

python examples/agentdojo/run.py --suite slack --attack own
"""

from __future__ import annotations

import sys
from pathlib import Path

from bartizan.integrations.agentdojo.evaluate import main

POLICIES = Path(__file__).parent / "policies"

if __name__ == "__main__":
    sys.exit(main(["--policies", str(POLICIES), *sys.argv[1:]]))
