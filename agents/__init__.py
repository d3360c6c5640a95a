"""Agents that see objects and learn in imagination; prepared, filled by the next release.

The package is `sqair_wm.agents`, in a checkout as when installed.
"""

if __name__ == "agents":
    raise ImportError("this folder is the package sqair_wm.agents: import it by that name instead of agents")
