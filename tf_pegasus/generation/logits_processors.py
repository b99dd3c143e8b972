"""The processors of the next token's scores, in the order of `transformers`.

A processor maps `(sequences, length, scores)` to new scores. Sequences are int32
`(rows, max_length)`, of which the first `length` (int scalar tensor) positions are filled. Scores
are float32 `(rows, vocab_size)`, as changed by earlier processors: log-probabilities in beam
search, otherwise logits.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from tf_pegasus.config.generation import ids_of
from tf_pegasus.generation.ngrams import forbid_words, no_ngram_of_source, no_repeat_ngram
from tf_pegasus.generation.score_changes import (
    bias_words,
    favour_end,
    favour_source,
    penalize_repetition,
    remove_invalid,
    renormalize,
)
from tf_pegasus.generation.token_rules import (
    allow_only,
    forbid_eos_before,
    forbid_tokens,
    force_at,
)
from tf_pegasus.generation.warpers import (
    divide_by_temperature,
    keep_above_epsilon,
    keep_above_eta,
    keep_top_k,
    keep_top_p,
    keep_typical,
)


class SearchFacts(NamedTuple):
    """What processors need to know about a search besides its options.

    Fields:
        value_of: function from the name of an option to its value, a float or scalar tensor; or a
            tuple of them for options with numbers inside.
        prompt_length: int, number of tokens of the prompt.
        last_length: int or int32 scalar tensor, the length at which outputs end.
        beams: int, rows per source.
        source_ids, source_mask: int32 `(batch, source_length)`, or None without a source.
        prefix_allowed_tokens_fn: see `generate`, or None.
        logits_processor: tuple of the caller's processors.
    """

    value_of: Callable[[str], Any]
    prompt_length: int
    last_length: Any
    beams: int = 1
    source_ids: Any = None
    source_mask: Any = None
    prefix_allowed_tokens_fn: Callable | None = None
    logits_processor: tuple = ()


def logits_processors(options, facts):
    """Returns the processors that the options request, in the order of `transformers`.

    Args:
        options: `GenerationConfig` with token ids.
        facts: `SearchFacts`.
    """
    return [make() for is_requested, make in _processors(options, facts) if is_requested]


def _processors(options, facts):
    eos, value_of = options.eos_token_ids, facts.value_of
    words = [w for w in options.bad_words_ids or () if len(w) > 1 or w[0] not in eos]
    least = facts.prompt_length + options.min_new_tokens
    allowed = facts.prefix_allowed_tokens_fn
    is_forced = facts.prompt_length == 1 and options.forced_bos_token_id is not None
    first = facts.prompt_length + (1 if is_forced else 0)
    source = (facts.source_ids, facts.source_mask, facts.beams)
    return (
        (
            options.sequence_bias is not None,
            lambda: bias_words([w for w, _ in options.sequence_bias], value_of("sequence_bias")),
        ),
        (
            options.encoder_repetition_penalty != 1.0,
            lambda: favour_source(value_of("encoder_repetition_penalty"), *source),
        ),
        (
            options.repetition_penalty != 1.0,
            lambda: penalize_repetition(value_of("repetition_penalty")),
        ),
        (
            options.no_repeat_ngram_size > 0,
            lambda: no_repeat_ngram(options.no_repeat_ngram_size),
        ),
        (
            options.encoder_no_repeat_ngram_size > 0,
            lambda: no_ngram_of_source(
                options.encoder_no_repeat_ngram_size, facts.source_ids, facts.beams
            ),
        ),
        (words, lambda: forbid_words(words)),
        (options.min_length > 0, lambda: forbid_eos_before(options.min_length, eos)),
        (options.min_new_tokens > 0, lambda: forbid_eos_before(least, eos)),
        (allowed is not None, lambda: allow_only(allowed, facts.beams)),
        (
            options.forced_bos_token_id is not None,
            lambda: force_at(ids_of(options.forced_bos_token_id), 1),
        ),
        (
            options.forced_eos_token_id is not None,
            lambda: force_at(ids_of(options.forced_eos_token_id), facts.last_length - 1),
        ),
        (options.remove_invalid_values, lambda: remove_invalid),
        (
            options.exponential_decay_length_penalty is not None,
            lambda: _favour_end(eos, facts),
        ),
        (options.suppress_tokens, lambda: forbid_tokens(options.suppress_tokens)),
        (
            options.begin_suppress_tokens,
            lambda: forbid_tokens(options.begin_suppress_tokens, first),
        ),
        *((True, lambda process=process: process) for process in facts.logits_processor),
        # After the warpers if tokens are sampled.
        (options.renormalize_logits and not options.do_sample, lambda: renormalize),
    )


def _favour_end(eos, facts):
    start, factor = facts.value_of("exponential_decay_length_penalty")
    return favour_end(eos, facts.prompt_length + start, factor)


def is_forced(options, facts, length):
    """Returns whether a token is forced at `length` (int scalar tensor): a bool, or a tensor."""
    places = []
    if options.forced_bos_token_id is not None:
        places.append(1)
    if options.forced_eos_token_id is not None:
        places.append(facts.last_length - 1)
    forced = False
    for place in places:
        forced |= length == place
    return forced


def logits_warpers(options, value_of):
    """Returns the processors that shape the sampling distribution, in `transformers`' order.

    Args:
        options: `GenerationConfig` with token ids.
        value_of: see `SearchFacts`.
    """
    if not options.do_sample:
        return []
    # With beams, at least one candidate does not end the output.
    least = 1 + len(options.eos_token_ids or "1") if options.num_beams > 1 else 1
    warpers = []
    if options.temperature != 1.0:
        warpers.append(divide_by_temperature(value_of("temperature")))
    if options.top_k > 0:
        warpers.append(keep_top_k(max(options.top_k, least)))
    if options.top_p < 1.0:
        warpers.append(keep_top_p(value_of("top_p"), least))
    if options.typical_p < 1.0:
        warpers.append(keep_typical(value_of("typical_p"), least))
    if options.epsilon_cutoff > 0.0:
        warpers.append(keep_above_epsilon(value_of("epsilon_cutoff"), least))
    if options.eta_cutoff > 0.0:
        warpers.append(keep_above_eta(value_of("eta_cutoff"), least))
    if options.renormalize_logits:
        warpers.append(renormalize)
    return warpers
