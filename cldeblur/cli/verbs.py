"""The verbs of the command."""

VERBS = {
    "train": "train a network, validate it, evaluate it at the end; -m sweeps over comma-separated values",
    "preview": "draw the negatives and the schedule of a run before it begins: the same words as for train",
    "evaluate": "score a checkpoint on the test split of a data set, beside the blurred input",
}

# Verbs that take a path and options instead of key=value.
READERS = {
    "compare": "tell which arms of a sweep are better than its baseline, and whether that can be luck",
}
