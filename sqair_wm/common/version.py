"""The version of this program, as runs keep it."""

VERSION = "0.8.0"
