"""Agents that see objects and learn in imagination; prepared, filled by the next release.

The package is `sqair_wm.agents`, in a checkout as when installed. There, `python -m agents.COMMAND` works as well: the
folder's own name stands for the package.
"""

import sys

if __name__ == "agents":
    import sqair_wm.agents

    sys.modules["agents"] = sqair_wm.agents
