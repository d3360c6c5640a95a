"""What is done to the program on purpose, to see that nothing is lost and nothing is wrong without a word.

`make fault-test` does all of it and prints a table; `test_short.py` does a little of each with every `make test`.
"""
