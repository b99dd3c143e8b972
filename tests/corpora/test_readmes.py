import pytest

from tf_pegasus.corpora.corpus import Reading
from tf_pegasus.corpora.readmes import ReadmesCorpus, readme_text

README = """\
# Fox

[![badge](https://a/b.svg)](https://a)

Jumps over lazy dogs.

Fox is a **library** that [jumps](https://jump) over `dogs` and other animals which sleep.

```python
import fox  # this is code and not prose at all
```

Copyright 2026 the foxes, who reserve all rights.

| a | table |
|---|-------|
"""


def test_readme():
    text = readme_text("fox", "Jumps over lazy dogs", README)
    assert text.summary == "Jumps over lazy dogs"
    assert text.document == ("Fox is a library that jumps over dogs and other animals which sleep.")
    assert text.is_pair


def test_packages(tmp_path):
    for name, summary in (("Fox", "Jumps over lazy dogs"), ("dog", "")):
        directory = tmp_path / f"{name}-1.0.dist-info"
        directory.mkdir()
        (directory / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nSummary: {summary}\n\n{README}"
        )
    reading = Reading()
    texts = list(ReadmesCorpus(paths=(str(tmp_path),)).texts(reading))
    assert [(t.name, t.is_pair) for t in texts] == [("dog", False), ("fox", True)]
    assert reading.sources["fox"] == "1.0, see its metadata"
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no packages"):
        list(ReadmesCorpus(paths=(str(tmp_path / "empty"),)).texts(reading))
    with pytest.raises(FileNotFoundError, match="is not a directory"):
        list(ReadmesCorpus(paths=("missing",)).texts(reading))
