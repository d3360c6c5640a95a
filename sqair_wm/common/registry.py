"""Registries of parts that are chosen by name; any module can add one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

Built = TypeVar("Built")


class Registry(Generic[Built]):
    """Builders of one kind of part, by the name that the configuration gives them.

    Args:
        setting: the setting that holds the name, for messages, such as `model.dynamics`.
        builders: the first builders, by name.
    """

    def __init__(self, setting: str, **builders: Callable[..., Built]):
        self.setting, self._builders = setting, dict(builders)

    def register(self, name: str, builder: Callable[..., Built]) -> None:
        """Add a builder.

        Raises:
            ValueError: if the name is taken by another builder.
        """
        if self._builders.get(name, builder) is not builder:
            raise ValueError(f"{self.setting}={name} is taken by {self._builders[name]}: choose another name")
        self._builders[name] = builder

    def build(self, name: str, *arguments: Any) -> Built:
        """The part that the builder called `name` makes from the arguments.

        Raises:
            ValueError: if there is no such builder, or it refuses the arguments.
        """
        if name not in self._builders:
            raise ValueError(f"{self.setting} is {name!r}; choose one of {', '.join(self)}")
        return self._builders[name](*arguments)

    def __contains__(self, name: object) -> bool:
        return name in self._builders

    def __iter__(self) -> Iterator[str]:
        return iter(self._builders)
