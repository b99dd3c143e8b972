from tf_pegasus.corpora.prose import decode, is_prose, joined, repeats


def test_decoding():
    assert decode("\ufeffcafé".encode()) == decode("café".encode("latin-1")) == "café"


def test_prose():
    assert is_prose("Words, and some more: of them.")
    assert not is_prose("+---+ | a | -> 1 2 3")
    assert not is_prose("  ")


def test_joined_lines():
    lines = ["  A well-", "  known way - or pre- and post-", "war", "", "times "]
    assert joined(lines) == "A well-known way - or pre- and post-war times"


def test_repetitions():
    assert repeats("It says: jump OVER dogs!", "Jump over dogs")
    assert not repeats("It says: jump over dogshit", "jump over dogs")
