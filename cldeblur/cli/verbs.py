"""The verbs of the command."""

VERBS = {
    "train": "train a network, validate it, evaluate it at the end; -m sweeps over comma-separated values",
    "evaluate": "score a checkpoint on the test split of a data set, beside the blurred input",
}
