from tf_pegasus.evaluation.differences import mark_differences


def test_kinds():
    document, reference = "Ada wrote the first notes, in 1843.", "The first notes are by Ada."
    prediction = "The first program, in 1850."
    unsupported = [{"start": 22, "end": 26}]
    theirs, ours = mark_differences(document, reference, prediction, unsupported)
    assert "".join(text for _, text in theirs) == reference
    assert "".join(text for _, text in ours) == prediction
    assert theirs == [
        ("same", "The first "),
        ("missed", "notes"),
        ("same", " "),
        ("missed", "are"),
        ("same", " "),
        ("missed", "by"),
        ("same", " "),
        ("missed", "Ada"),
        ("same", "."),
    ]
    assert ours == [
        ("same", "The first "),
        ("novel", "program"),
        ("same", ", "),
        ("copied", "in"),
        ("same", " "),
        ("unsupported", "1850"),
        ("same", "."),
    ]


def test_characters_are_words_in_japanese():
    theirs, ours = mark_differences("本の文章", "日本の文", "日本語", [])
    assert theirs == [("same", "日本"), ("missed", "の文")]
    assert ours == [("same", "日本"), ("novel", "語")]


def test_empty_texts():
    assert mark_differences("", "", "a", []) == ([], [("novel", "a")])
