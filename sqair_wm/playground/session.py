"""The session of one user: play in the real game or inside the model, forwards, backwards and along branches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sqair_wm.common import figures
from sqair_wm.playground import pictures
from sqair_wm.playground.dreams import Imaginer, begin_dream, moved
from sqair_wm.playground.futures import imagine_futures
from sqair_wm.playground.history import History, Moment, Side
from sqair_wm.playground.keys import key_actions
from sqair_wm.playground.playables import Playable, Player
from sqair_wm.playground.realities import Shown
from sqair_wm.playground.views import boxes_of, snapshot

YOU = "you"
LONGEST_FILM = 900
"""Frames of a film that is saved: a minute of an Atari game."""


class Session:
    """Plays with one model; its real game goes on beside the dream under the same actions.

    Args:
        playable: the model with its reality and its players.
        seed: of the first game and of sampled dreams.

    Attributes:
        history: the moments of play and imagination.
        playing: name of the player; `YOU` if the user gives the actions.
    """

    def __init__(self, playable: Playable, seed: int = 0):
        self.playable, self.world = playable, playable.world
        self.reality, self.imaginer = playable.reality(seed), Imaginer(self.world, seed)
        self.playing = YOU
        self._player: Player | None = None
        self._lived = self._moment(0, None, self.reality.begin())
        self.history = History(self._lived)

    @property
    def now(self) -> Moment:
        """The current moment."""
        return self.history.now

    @property
    def introduction(self) -> dict[str, Any]:
        """What a page needs before the first frame, for JSON."""
        height, width = self.world.config.frame_size
        return {
            "name": self.playable.name,
            "actions": list(self.reality.actions),
            "keys": key_actions(self.reality.actions),
            "fps": self.reality.fps,
            "size": [height, width],
            "players": [YOU, *self.playable.policies],
            "game": None if self.world.source is None else self.world.source.game,
        }

    def act(self, action: int | None = None) -> None:
        """Take a step in the real game and, if there is one, in the dream; from the past, in a new branch.

        After the end of a real game the next one begins; while there is a dream, the real game stays as it ended.

        Args:
            action: number of the action; not needed if a policy plays.

        Raises:
            ValueError: if the game has no such action.
        """
        now, chosen = self.now, self._choose(action)
        number = now.number + 1
        if now.real.over and now.dream is None:
            self._forget()
            after = self._moment(number, None, self.reality.begin())
        elif now.real.over:
            after = replace(now, number=number, action=chosen, real=replace(now.real, reward=0.0))
        else:
            self._return_to(now)
            after = self._moment(number, chosen, self.reality.step(chosen), now.real)
        if now.dream is not None:
            after = replace(after, dream=self.imaginer.step(now.dream, chosen), dream_from=now.dream_from)
        self.history.append(after)
        self._lived = after

    def toggle_dream(self) -> None:
        """Begin a dream at this moment, or end the present one."""
        now = self.now
        self.history.replace(now.dreaming(begin_dream(now.real)) if now.dream is None else now.without_dream())
        self._forget()

    def seek(self, frame: int) -> None:
        """Go to a frame of this branch; see `History.seek`."""
        self.history.seek(frame)
        self._forget()

    def branch(self) -> None:
        """Begin a new branch at this moment."""
        self.history.fork()

    def select(self, branch: int) -> None:
        """Go to the end of another branch; see `History.select`."""
        self.history.select(branch)
        self._forget()

    def move_object(self, identity: int, y: float, x: float) -> None:
        """Put an object elsewhere in the dream, in a new branch; a dream begins if there is none. See `moved`.

        Raises:
            ValueError: if there is no such object, or the place is outside the frame.
        """
        now = self.now
        dream = now.dream or begin_dream(now.real)
        changed = replace(dream, scenes=moved(self.world, dream.scenes, identity, y, x))
        self.history.fork()
        self.history.replace(now.dreaming(changed))
        self._forget()

    def new_game(self, seed: int | None = None) -> None:
        """Begin the next game, or the one of `seed`, in a new branch."""
        now = self.now
        shown = self.reality.begin(seed)
        self.history.fork()
        self._lived = self._moment(now.number + 1, None, shown)
        self.history.append(self._lived)
        self._forget()

    def play(self, name: str) -> None:
        """Choose the player: `YOU`, or the name of a policy.

        Raises:
            ValueError: if there is no such player.
        """
        self._player = None if name == YOU else self.playable.player(name)
        self.playing = name

    def draw(self, drawn: bool) -> None:
        """Sample the future of dreams, or imagine the likeliest one."""
        self.imaginer.drawn = drawn

    def futures(self, steps: int) -> list[dict[str, Any]]:
        """The imagined future of each action from this moment; see `imagine_futures`."""
        return imagine_futures(self.imaginer, self.now.side, self.reality.actions, steps)

    def snapshot(self) -> dict[str, Any]:
        """All that the page shows of this moment, for JSON; see `views.snapshot`."""
        extra = {"playing": self.playing, "drawn": self.imaginer.drawn}
        return snapshot(self.world, self.history) | extra

    def film(self, first: int, last: int, kind: str) -> bytes:
        """Frames `first` to `last` of this branch as `gif` or `mp4`: left the real game, right the dream or what the
        model sees.

        Raises:
            ValueError: if there are no such frames, or too many, or the kind is another one.
        """
        moments = self.history.between(first, last)
        if len(moments) > LONGEST_FILM:
            raise ValueError(f"{len(moments)} frames are too many to save at once: choose up to {LONGEST_FILM}")
        return pictures.moving([self._double(m) for m in moments], kind, self.reality.fps)

    def close(self) -> None:
        """Close the game."""
        if hasattr(self.reality, "close"):
            self.reality.close()

    def _choose(self, action: int | None) -> int:
        if self._player is not None:
            return self._player.act(self.now.side.scenes, self._picture)
        number = len(self.reality.actions)
        if action is None or not 0 <= action < number:
            raise ValueError(f"there is no action {action}: choose one from 0 to {number - 1}")
        return action

    def _picture(self) -> np.ndarray:
        """The picture of the current moment, `[H, W, 3]` uint8: of the dream, or else of the real game."""
        now = self.now
        if now.dream is None:
            return pictures.from_png(now.picture)
        return pictures.painted(self.world, now.dream.scenes.state, now.dream.behind)[0]

    def _return_to(self, moment: Moment) -> None:
        """Restore the state of the reality at a moment, unless it is there already."""
        if moment.kept is not self._lived.kept:
            self.reality.put_back(moment.kept)

    def _moment(self, number: int, action: int | None, shown: Shown, before: Side | None = None) -> Moment:
        """The moment of what a reality shows after `before`, which is None if a game begins."""
        behind, score = shown.behind, shown.reward
        if before is not None:
            score += before.score
            if behind is not None and before.behind is not None and np.array_equal(behind, before.behind):
                behind = before.behind  # keep one copy for all moments that share it
        real = Side(shown.scenes, behind, shown.reward, score, shown.over, float(shown.over))
        return Moment(number, action, real, pictures.png(shown.picture), self.reality.keep())

    def _double(self, moment: Moment) -> np.ndarray:
        """Both sides of a moment, with boxes."""
        right = pictures.painted(self.world, moment.side.scenes.state, moment.side.behind)[0]
        sides = ((pictures.from_png(moment.picture), moment.real), (right, moment.side))
        drawn = [figures.draw_boxes(picture, *boxes_of(self.world, side.scenes)) for picture, side in sides]
        return figures.beside(drawn)

    def _forget(self) -> None:
        """Tell the player, if any, that the next moment does not follow the last one."""
        if self._player is not None:
            self._player.forget()
