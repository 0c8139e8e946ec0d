"""Finding what a user meant by a word that does not exist."""

from collections.abc import Iterable


def edits(first: str, second: str) -> int:
    """Fewest letters dropped, added, changed or swapped with their neighbour that turn one word into the other.

    The optimal string alignment distance (Boytsov, 2011).
    """
    before: list[int] = []
    last = list(range(len(second) + 1))
    for i, letter in enumerate(first, 1):
        row = [i]
        for j, other in enumerate(second, 1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == second[j - 2] and first[i - 2] == other:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before, last = last, row
    return last[-1]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was most likely meant to be; None where none is near.

    A dotted key whose last part alone is known (`crop` for `data.crop`) counts as near.
    """
    candidates = sorted(known)
    tails = [key for key in candidates if key.rpartition(".")[2] == word.rpartition(".")[2]]
    close = min(candidates, key=lambda key: edits(word, key), default=None)
    if close is not None and edits(word, close) <= max(2, len(word) // 4):
        return close
    return tails[0] if len(tails) == 1 else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a refusal: `; did you mean 'data.crop'?`, or nothing where no known word is near."""
    close = nearest(word, known)
    return f"; did you mean '{close}'?" if close else ""
