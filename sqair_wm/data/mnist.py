"""The MNIST digits, from a folder of IDX files or downloaded once."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from sqair_wm.common.checksums import DamagedError

REMEDY = "delete it to download it again"
SOURCE = "https://ossci-datasets.s3.amazonaws.com/mnist/"
CHECKSUMS = {
    "train-images-idx3-ubyte": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte": "md5:9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}
"""Checksums of the compressed files."""


def load_mnist(folder: Path, train: bool) -> tuple[np.ndarray, np.ndarray]:
    """Images `[M, 28, 28]` and labels `[M]`, both uint8.

    Args:
        folder: of the IDX files (plain or .gz); missing ones are downloaded into it.
        train: the 60,000 training digits or the 10,000 test digits.

    Raises:
        FileNotFoundError: if the files are not there and cannot be downloaded.
        ValueError: if a file is damaged or not an IDX file of bytes.
    """
    prefix = "train" if train else "t10k"
    images = read_idx(_find(folder, f"{prefix}-images-idx3-ubyte"))
    labels = read_idx(_find(folder, f"{prefix}-labels-idx1-ubyte"))
    if images.ndim != 3 or images.shape[1:] != (28, 28) or len(images) != len(labels):
        raise ValueError(f"the MNIST files in {folder} do not fit together: {images.shape} and {labels.shape}")
    return images, labels


def read_idx(path: Path) -> np.ndarray:
    """An IDX file of unsigned bytes as an array.

    Raises:
        ValueError: if it is something else, or cut short.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedError(f"{path} is damaged: {error} ({REMEDY})") from error
    if len(data) < 4 or data[:3] != b"\x00\x00\x08" or len(data) < 4 + 4 * data[3]:
        raise ValueError(f"{path} is not an IDX file of bytes ({REMEDY})")
    shape = np.frombuffer(data, ">i4", data[3], 4).tolist()
    if min(shape, default=0) < 0 or len(data) != 4 + 4 * len(shape) + math.prod(shape):
        raise DamagedError(f"{path} is cut short, or damaged ({REMEDY})")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.exists():
            return candidate
    import pooch

    try:
        return Path(pooch.retrieve(SOURCE + f"{name}.gz", CHECKSUMS[name], f"{name}.gz", str(folder), progressbar=True))
    except Exception as error:  # pooch passes on whatever its network library raises
        raise FileNotFoundError(
            f"MNIST is not in {folder} and could not be downloaded ({error}): put {name} there, or name the folder "
            "that has it with data.mnist=FOLDER"
        ) from error
