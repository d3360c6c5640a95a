"""Classes of objects from appearance codes: few-shot classification and clustering."""

from __future__ import annotations

import numpy as np

SHOTS, DRAWS = (1, 4, 16, 64), 10
"""Numbers of labels for each class; random draws of the labelled examples, over which accuracy is averaged."""

MOST = 5_000
"""Most codes that are clustered; if there are more, they are chosen evenly over time."""


def code_metrics(codes: np.ndarray, labels: np.ndarray, early: np.ndarray, seed: int = 0) -> dict[str, float]:
    """How well the class of an object can be told from its code (the protocol of SPACE+MOC, Delfosse et al., 2022).

    Args:
        codes: `[D, W]` of objects that were found.
        labels: `[D]` their true classes.
        early: `[D]` bool, the first part of the recording: labelled examples are drawn from it, accuracy is of the
            rest. Classes that are not in both parts are left out.
        seed: of the draws.

    Returns:
        `fewshot_N`: accuracy of ridge regression on N labelled examples a class (all there are, if fewer);
        `fewshot_guess`: the share of the most frequent class, which is what guessing gives; `ami`: adjusted mutual
        information of the classes and as many clusters (k-means). Nothing if there are fewer than two classes.
    """
    classes = np.intersect1d(labels[early], labels[~early])
    if len(classes) < 2:
        return {}
    known = np.isin(labels, classes)
    codes, labels, early = codes[known], labels[known], early[known]
    share = [float((labels[~early] == c).mean()) for c in classes]
    random = np.random.default_rng(seed)
    metrics = {f"fewshot_{n}": _accuracy(codes, labels, early, n, random) for n in SHOTS}
    return metrics | {"fewshot_guess": max(share), "ami": _ami(codes, labels, len(classes), seed)}


def _accuracy(
    codes: np.ndarray, labels: np.ndarray, early: np.ndarray, shots: int, random: np.random.Generator
) -> float:
    from sklearn.linear_model import RidgeClassifier

    pools = [np.flatnonzero(early & (labels == c)) for c in np.unique(labels)]
    scores = []
    for _ in range(DRAWS):
        chosen = np.concatenate([random.choice(pool, min(shots, len(pool)), replace=False) for pool in pools])
        judge = RidgeClassifier().fit(codes[chosen], labels[chosen])
        scores.append(judge.score(codes[~early], labels[~early]))
    return float(np.mean(scores))


def _ami(codes: np.ndarray, labels: np.ndarray, number: int, seed: int) -> float:
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_mutual_info_score

    spread = np.linspace(0, len(codes) - 1, min(len(codes), MOST)).astype(int)
    clusters = KMeans(number, n_init=10, random_state=seed).fit_predict(codes[spread])
    return float(adjusted_mutual_info_score(labels[spread], clusters))
