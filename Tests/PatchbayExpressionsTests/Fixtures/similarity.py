#!/usr/bin/env python3
"""Writes similarity.tsv: pairs of texts, and how alike RapidFuzz finds them.

Run with RapidFuzz installed (pip install rapidfuzz), from this folder: python3 similarity.py > similarity.tsv
Columns: a, b (JSON strings), jaroWinkler, levenshtein, tokenSort, tokenSet. Blanks are ASCII: RapidFuzz takes others
for blanks only in texts that go beyond Latin-1.
"""

import json
import random

import rapidfuzz
from rapidfuzz import fuzz
from rapidfuzz.distance import JaroWinkler, Levenshtein

WORDS = ["acme", "Acme", "corp", "corporation", "limited", "new", "york", "mets", "order", "payment", "naïve", "Zoë",
         "東京", "😀", "a", "the", "international", "inc."]
KNOWN = [
    ("MARTHA", "MARHTA"), ("DIXON", "DICKSONX"), ("DWAYNE", "DUANE"), ("JELLYFISH", "SMELLYFISH"), ("", ""),
    ("", "a"), ("a", ""), ("a", "a"), ("a", "b"), ("ab", "ba"), ("abc", "abc"), ("kitten", "sitting"),
    ("new york mets", "mets new york"), ("new york mets vs braves", "braves vs new york mets"), (" ", ""),
    ("a b", "b a"), ("a  a\tb", "b a"), ("abcdefgh", "hgfedcba"), ("aaaa", "aaaaaaaa"), ("abcd", "abce"),
    ("CRATE", "TRACE"), ("hi", "hello there"), ("e\u0301", "é"), ("Straße", "Strasse"),
]


def mutate(text, rng):
    text = list(text)
    for _ in range(rng.randint(1, 4)):
        place = rng.randint(0, len(text))
        kind = rng.randint(0, 3)
        if kind == 0:
            text.insert(place, rng.choice("abcé 東"))
        elif text and kind == 1:
            del text[place % len(text)]
        elif text and kind == 2:
            text[place % len(text)] = rng.choice("xyz ")
        elif len(text) > 1:
            place %= len(text) - 1
            text[place], text[place + 1] = text[place + 1], text[place]
    return "".join(text)


def pairs():
    yield from KNOWN
    rng = random.Random(20261121)
    for _ in range(200):
        words = [rng.choice(WORDS) for _ in range(rng.randint(1, 5))]
        other = words[:]
        rng.shuffle(other)
        if rng.random() < 0.5:
            other = other[: rng.randint(1, len(other))] + [rng.choice(WORDS)]
        yield " ".join(words), mutate(" ".join(other), rng) if rng.random() < 0.7 else " ".join(other)
    for _ in range(75):
        a = "".join(rng.choice("abcd") for _ in range(rng.randint(1, 40)))
        yield a, mutate(a, rng) if rng.random() < 0.5 else "".join(rng.choice("abcd") for _ in range(rng.randint(1, 40)))


print(f"# RapidFuzz {rapidfuzz.__version__}; written by similarity.py")
for a, b in pairs():
    scores = [JaroWinkler.normalized_similarity(a, b), Levenshtein.normalized_similarity(a, b),
              fuzz.token_sort_ratio(a, b) / 100, fuzz.token_set_ratio(a, b) / 100]
    print("\t".join([json.dumps(a), json.dumps(b)] + [repr(round(score, 12)) for score in scores]))
