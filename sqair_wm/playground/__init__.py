"""The playground: play a game, watch what a model sees in it, and go on inside the model, in a page of the browser.

`python -m sqair_wm.playground pretrained/Pong` starts it, see docs/playground.md. No other package imports it.
"""
