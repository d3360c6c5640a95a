"""The version of this program, which is saved with every run."""

VERSION = "0.23.0"
