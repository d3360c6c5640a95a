"""One person's play: in the real game or inside the model, forwards, backwards and along branches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sqair_wm.common import figures
from sqair_wm.playground import pictures
from sqair_wm.playground.dreams import Dreamer, fall_asleep, moved
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
    """Plays one model, whose real game goes on beside its dream under the same actions.

    Args:
        playable: the model, and what belongs to it.
        seed: of the first game and of drawn dreams.

    Attributes:
        history: what was played and imagined.
        playing: name of who plays; `YOU` for actions that are given.
    """

    def __init__(self, playable: Playable, seed: int = 0):
        self.playable, self.world = playable, playable.world
        self.reality, self.dreamer = playable.reality(seed), Dreamer(self.world, seed)
        self.playing = YOU
        self._player: Player | None = None
        self._lived = self._moment(0, None, self.reality.begin())
        self.history = History(self._lived)

    @property
    def now(self) -> Moment:
        """Where one is."""
        return self.history.now

    @property
    def introduction(self) -> dict[str, Any]:
        """What a page has to know before the first frame; can be written as JSON."""
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
        """One frame on, in the real game and, where one dreams, in the dream; from the past, in a new branch.

        After the end of a real game the next one begins; in a dream the real side stays as it ended.

        Args:
            action: number of the action; not needed where somebody else than `YOU` plays.

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
            after = replace(after, dream=self.dreamer.step(now.dream, chosen), dream_from=now.dream_from)
        self.history.append(after)
        self._lived = after

    def toggle_dream(self) -> None:
        """Go on inside the model from this moment, or in the real game if one dreams."""
        now = self.now
        self.history.replace(now.dreaming(fall_asleep(now.real)) if now.dream is None else now.awake())
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
            ValueError: if there is no such object, or no such place.
        """
        now = self.now
        dream = now.dream or fall_asleep(now.real)
        changed = replace(dream, scenes=moved(self.world, dream.scenes, identity, y, x))
        self.history.fork()
        self.history.replace(now.dreaming(changed))
        self._forget()

    def new_game(self, seed: int | None = None) -> None:
        """Begin the next game, or that of a seed, in a new branch."""
        now = self.now
        shown = self.reality.begin(seed)
        self.history.fork()
        self._lived = self._moment(now.number + 1, None, shown)
        self.history.append(self._lived)
        self._forget()

    def play(self, name: str) -> None:
        """Let somebody play: `YOU`, or one of the policies.

        Raises:
            ValueError: if nobody has that name.
        """
        self._player = None if name == YOU else self.playable.player(name)
        self.playing = name

    def draw(self, drawn: bool) -> None:
        """Draw the future of dreams, or imagine the likeliest one."""
        self.dreamer.drawn = drawn

    def futures(self, steps: int) -> list[dict[str, Any]]:
        """What each action would bring from here, if it were held; see `imagine_futures`."""
        return imagine_futures(self.dreamer, self.now.side, self.reality.actions, steps)

    def snapshot(self) -> dict[str, Any]:
        """Everything that is to be seen at this moment; can be written as JSON."""
        extra = {"playing": self.playing, "drawn": self.dreamer.drawn}
        return snapshot(self.world, self.history) | extra

    def film(self, first: int, last: int, kind: str) -> bytes:
        """A stretch of this branch as `gif` or `mp4`: left the real game, right the dream or what the model sees.

        Raises:
            ValueError: if there is nothing in that stretch, it is too long, or for another kind.
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
        """What is to be seen where one is, `[H, W, 3]` uint8: the real game, or the dream."""
        now = self.now
        if now.dream is None:
            return pictures.from_png(now.picture)
        return pictures.painted(self.world, now.dream.scenes.state, now.dream.behind)[0]

    def _return_to(self, moment: Moment) -> None:
        """Let the reality be where it was at a moment, if it is elsewhere."""
        if moment.kept is not self._lived.kept:
            self.reality.put_back(moment.kept)

    def _moment(self, number: int, action: int | None, shown: Shown, before: Side | None = None) -> Moment:
        """A moment of what a reality shows after `before`; None where a game begins."""
        behind, score = shown.behind, shown.reward
        if before is not None:
            score += before.score
            if behind is not None and before.behind is not None and np.array_equal(behind, before.behind):
                behind = before.behind  # one picture for all moments that share it
        real = Side(shown.scenes, behind, shown.reward, score, shown.over, float(shown.over))
        return Moment(number, action, real, pictures.png(shown.picture), self.reality.keep())

    def _double(self, moment: Moment) -> np.ndarray:
        """Both sides of a moment, with boxes."""
        right = pictures.painted(self.world, moment.side.scenes.state, moment.side.behind)[0]
        sides = ((pictures.from_png(moment.picture), moment.real), (right, moment.side))
        drawn = [figures.draw_boxes(picture, *boxes_of(self.world, side.scenes)) for picture, side in sides]
        return figures.beside(drawn)

    def _forget(self) -> None:
        """Who plays learns that what comes does not follow what was before."""
        if self._player is not None:
            self._player.forget()
