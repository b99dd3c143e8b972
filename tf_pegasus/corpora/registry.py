"""The corpora by name."""

from tf_pegasus.corpora.corpus import Corpus
from tf_pegasus.corpora.debian import DebianCorpus
from tf_pegasus.corpora.docstrings import DocstringsCorpus
from tf_pegasus.corpora.manpages import ManpagesCorpus
from tf_pegasus.corpora.readmes import ReadmesCorpus
from tf_pegasus.corpora.rfc import RfcCorpus

CORPORA: dict[str, type[Corpus]] = {
    corpus.name: corpus
    for corpus in (DebianCorpus, DocstringsCorpus, ManpagesCorpus, RfcCorpus, ReadmesCorpus)
}
