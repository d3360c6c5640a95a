"""Where the packages lie; everything else about the distribution stands in pyproject.toml.

In the repository `envs/`, `agents/` and `configs/` are top-level folders. They are installed inside `sqair_wm`, so that
they never collide with folders of these names in a user's own project.
"""

from setuptools import find_packages, setup

INSIDE = ("envs", "agents")

setup(
    packages=[
        *find_packages(include=["sqair_wm", "sqair_wm.*"]),
        *(f"sqair_wm.{name}" for folder in INSIDE for name in find_packages(include=[folder, f"{folder}.*"])),
        "sqair_wm.configs",
    ],
    package_dir={f"sqair_wm.{name}": name for name in (*INSIDE, "configs")},
)
