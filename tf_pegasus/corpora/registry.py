"""The corpora by name."""

from tf_pegasus.corpora.corpus import Corpus
from tf_pegasus.corpora.debian import DebianCorpus

CORPORA: dict[str, type[Corpus]] = {corpus.name: corpus for corpus in (DebianCorpus,)}
