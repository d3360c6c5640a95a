"""The playground: play a game, watch what a model sees in it, and go on inside the model, in a page of the browser.

`python -m sqair_wm.playground pretrained/Pong` starts it, see docs/playground.md. It stands on top of the house and
nothing leans on it.
"""
