"""Fault injection: checks that the program loses nothing and reports every error.

`make fault-test` runs everything and prints a table; `test_short.py` runs a little of each in every `make test`.
"""
