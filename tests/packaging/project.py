"""A user's program with the installed package; it is copied into a project that has its own package `envs`.

`sqair_wm` is imported only within functions: the first one checks that it has not been imported yet.
"""

import sys
from pathlib import Path

import cv2
import gymnasium as gym
import numpy as np
from stable_baselines3 import PPO

import agents
import envs

MODEL = "runs/Bouncing"
QUICK = {"start_states": 4, "horizon": 4}


def the_prefix_of_an_id_stands_for_the_import() -> None:
    assert "sqair_wm" not in sys.modules
    dream = gym.make("sqair_wm:sqair_wm/Imagination-v0", model=MODEL, **QUICK)
    assert dream.observation_space.contains(dream.reset(seed=0)[0])


def the_folders_of_the_project_stay_its_own() -> None:
    import sqair_wm

    assert (envs.OWNER, agents.OWNER) == ("the user", "the user")
    assert Path(sqair_wm.__file__).is_relative_to(sys.prefix)


def a_model_loads() -> None:
    import sqair_wm

    assert sqair_wm.load(MODEL).source.game == "Bouncing"


def single_environments_are_made() -> None:
    from sqair_wm.envs.imagination import ImaginationEnv

    dream = gym.make("sqair_wm/Imagination-v0", model=MODEL, **QUICK)
    assert isinstance(dream.unwrapped, ImaginationEnv)
    for env in (dream, gym.make("sqair_wm/Slots-v0", model=MODEL)):
        env.reset(seed=0)
        observation, *_ = env.step(env.action_space.sample())
        assert env.observation_space.contains(observation)


def vectors_of_environments_are_made() -> None:
    for name, options in (("Imagination", QUICK), ("Slots", {})):
        vector = gym.make_vec(f"sqair_wm/{name}-v0", num_envs=2, model=MODEL, **options)
        vector.reset(seed=0)
        assert len(vector.step(vector.action_space.sample())[1]) == 2


def stable_baselines_learns() -> None:
    from sqair_wm.envs.sb3 import ImaginationVecEnv

    agent = PPO("MlpPolicy", ImaginationVecEnv(MODEL, 2, **QUICK), n_steps=4, batch_size=8, n_epochs=1).learn(8)
    assert agent.num_timesteps == 8


def a_video_is_read_in_a_process_of_its_own() -> None:
    from sqair_wm.data.footage import Footage
    from sqair_wm.data.foreground import Extraction, extract

    for number in range(4):
        cv2.imwrite(f"{number}.png", np.full((48, 64, 3), 90, np.uint8))
    extract(Footage(tuple(Path().glob("*.png")), "film"), Extraction(width=32), Path())
    assert np.load("foreground.npy").shape == (4, 24, 32)


def a_sweep_goes_on_where_the_runs_are() -> None:
    import train_wm

    sys.argv = ["sqair-wm", "-m", *sys.argv[1:]]
    train_wm.main()  # its run is finished already


if __name__ == "__main__":
    the_prefix_of_an_id_stands_for_the_import()
    the_folders_of_the_project_stay_its_own()
    a_model_loads()
    single_environments_are_made()
    vectors_of_environments_are_made()
    stable_baselines_learns()
    a_video_is_read_in_a_process_of_its_own()
    a_sweep_goes_on_where_the_runs_are()
