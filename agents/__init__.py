"""Agents that see objects: planners, and an actor-critic that learns in imagination, beside the real game.

`train`, `evaluate`, `play` and `report` are commands, `kinds` lists the agents that there are. `playing` holds the real
game, `dreaming` the agent that learns in imagination, `sb3` the agents of stable-baselines3, `planning` the planners.

The package is `sqair_wm.agents`, in a checkout as when installed. There, `python -m agents.COMMAND` works as well: the
folder's own name stands for the package.
"""

import sys

if __name__ == "agents":
    import sqair_wm.agents

    sys.modules["agents"] = sqair_wm.agents
