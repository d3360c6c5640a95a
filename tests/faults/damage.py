"""Ways in which files are damaged: by the disk, by a copy that was cut short, by an editor."""

import random


def flip(data: bytes, bit: int) -> bytes:
    """With another value of one bit."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def one_bit(data: bytes, seed: int) -> bytes:
    return flip(data, random.Random(seed).randrange(8 * len(data)))


def cut_short(data: bytes, seed: int) -> bytes:
    return data[: random.Random(seed).randrange(len(data))]


def zeroed(data: bytes, seed: int) -> bytes:
    """With a block of zeros, as file systems leave it after a power cut."""
    start = random.Random(seed).randrange(len(data))
    return data[:start] + bytes(min(512, len(data) - start)) + data[start + 512 :]


def appended(data: bytes, seed: int) -> bytes:
    return data + random.Random(seed).randbytes(1 + seed)


def nonsense(data: bytes, seed: int) -> bytes:
    return random.Random(seed).randbytes(len(data))


def empty(data: bytes, seed: int) -> bytes:
    return b""


WAYS = {f.__name__: f for f in (one_bit, cut_short, zeroed, appended, nonsense, empty)}
