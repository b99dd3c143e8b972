"""Words that say little about what a sentence is about."""

from tf_pegasus.pretraining.settings import NO_STOP_WORDS, PretrainingSettings
from tf_pegasus.utils.extras import require

# The authors' list of 127 words.
_ENGLISH = """
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she
her hers herself it its itself they them their theirs themselves what which who whom this that
these those am is are was were be been being have has had having do does did doing a an the and
but if or because as until while of at by for with about against between into through during
before after above below to from up down in out on off over under again further then once here
there when where why how all any both each few more most other some such no nor not only own
same so than too very s t can will just don should now
"""
ENGLISH = frozenset(_ENGLISH.split())


def stop_words(settings: PretrainingSettings) -> frozenset[str]:
    """Returns the stop words that the settings ask for.

    Raises:
        ValueError: if there is no list for the language.
        ImportError: if a language other than English is asked for without `stopwordsiso`.
    """
    asked = settings.language if settings.stop_words is None else settings.stop_words
    if not isinstance(asked, str):
        return frozenset(asked)
    if asked == NO_STOP_WORDS:
        return frozenset()
    if asked == "en":
        return ENGLISH
    lists = require("stopwordsiso", "train")
    if not lists.has_lang(asked):
        raise ValueError(
            f"stop_words={asked!r}: there is no list for this language, only for en, "
            f"{', '.join(sorted(lists.langs() - {'en'}))}; give a list of words, or 'none'"
        )
    return frozenset(lists.stopwords(asked))
