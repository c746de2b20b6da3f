"""AgentDojo's suites as a live, offline test of a guard: real LangGraph graphs, no language model.

The modules, in the order in which a run passes through them:

* :mod:`.suites`: the four suites with their environments, tasks and tools;
* :mod:`.attacks`: what is planted in the environment, AgentDojo's templates and our own texts;
* :mod:`.goals`: calls for the eight attack goals for which AgentDojo gives none;
* :mod:`.environment`: a suite's tools as LangChain tools, bound to one environment;
* :mod:`.agent`: a scripted chat model that obeys whatever its tools tell it;
* :mod:`.simulated_user`: who answers the approvals;
* :mod:`.guarding`: the guard, and the decisions that it wrote down;
* :mod:`.pipeline`: the graph, run as an AgentDojo pipeline so that AgentDojo's own graders score it;
* :mod:`.runs`, :mod:`.jobs` and :mod:`.evaluate`: one run, many on several processes, the command line;
* :mod:`.service` and :mod:`.parity`: the guard as a service in another process, and the evaluation both ways;
* :mod:`.records`, :mod:`.tally` and :mod:`.tables`: what is kept of a run, figures, the terminal;
* :mod:`.report`, :mod:`.headline` and :mod:`.showcase`: the HTML page, its tiles, its single runs.

Needs the extra ``agentdojo``. Suites and graders: AgentDojo (Debenedetti et al., 2024, arXiv:2406.13352).
"""
