"""The former name of `python -m sqair_wm.reporting.table`."""

from sqair_wm.common.renamed import run_as

if __name__ == "__main__":
    run_as("sqair_wm.reporting.table", before="sqair_wm.evaluation.table")
