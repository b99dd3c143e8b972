"""Beam search, with `transformers`' rules for what is finished and when to stop.

Reference: Wu et al., 2016 (GNMT), section 7; the paper decodes with 8 beams (appendix C).
"""

from typing import NamedTuple

import tensorflow as tf

from tf_pegasus.generation.decoding import Decoding, Hypotheses, write_token
from tf_pegasus.generation.top_k import exact_top_k
from tf_pegasus.layers.cache import select_beams

# The score of what must not be chosen: finite, so that sums and products stay numbers.
NEVER = -1e9


class _State(NamedTuple):
    length: tf.Tensor  # scalar: tokens in the running hypotheses
    running: Hypotheses  # scores are sums of log-probabilities
    finished: Hypotheses  # scores have the length penalty applied
    is_finished: tf.Tensor  # (batch, beams): whether that place of `finished` is filled
    improvable: tf.Tensor  # (batch,): whether a running hypothesis may still win
    cache: tuple


def beam_search(model, input_ids, attention_mask, prompt, options, seed):
    """Generates `num_return_sequences` outputs a source, best first.

    Args:
        model: `TFPegasusForConditionalGeneration`.
        input_ids, attention_mask: int `(batch, source_length)`.
        prompt: see `Decoding`.
        options: `GenerationConfig`.
        seed: int32 `(2,)`, of what is drawn.

    Returns:
        `Hypotheses` with `num_return_sequences` beams; scores have the length penalty
        applied. A row whose mask is all zero gets no tokens and the score 0.
    """
    decoding = Decoding(model, input_ids, attention_mask, prompt, options, seed)
    search = _BeamSearch(decoding)
    final = _State(
        *tf.while_loop(
            lambda *state: tf.reduce_any(_State(*state).improvable),
            lambda *state: tuple(search.step(_State(*state))),
            tuple(search.first_state()),
            maximum_iterations=options.max_length - decoding.prompt_length,
        )
    )
    return Hypotheses(*(part[:, : options.num_return_sequences] for part in final.finished))


class _BeamSearch:
    def __init__(self, decoding):
        self.decoding = decoding
        self.options = decoding.options
        self.beams = decoding.beams
        self.eos = decoding.model.config.eos_token_id

    def first_state(self):
        decoding = self.decoding
        shape = (decoding.batch, self.beams)
        sequences = decoding.first_sequences()
        # All beams start alike: only the first may be continued, else all would stay alike.
        first = tf.range(self.beams) == 0
        idle = ~decoding.active[:, None]
        return _State(
            length=tf.constant(decoding.prompt_length),
            running=Hypotheses(sequences, tf.broadcast_to(tf.where(first, 0.0, NEVER), shape)),
            finished=Hypotheses(sequences, tf.broadcast_to(tf.where(idle, 0.0, NEVER), shape)),
            is_finished=tf.broadcast_to(idle, shape),
            improvable=decoding.active,
            cache=decoding.first_cache(),
        )

    def step(self, state):
        candidates, origins, cache = self._candidates(state)
        new_length = state.length + 1
        last_tokens = tf.gather(candidates.sequences, state.length, axis=2)
        stops = (last_tokens == self.eos) | (new_length == self.options.max_length)

        # Of 2 * beams candidates at most half end in eos, so enough remain to go on with.
        open_scores = candidates.scores + tf.where(stops, NEVER, 0.0)
        open_scores, chosen = tf.math.top_k(open_scores, self.beams)
        running = Hypotheses(candidates.select(chosen).sequences, open_scores)
        cache = select_beams(cache, tf.gather(origins, chosen, axis=1, batch_dims=1))

        finished, is_finished = self._finish(state, candidates, stops)
        return _State(
            length=new_length,
            running=running,
            finished=finished,
            is_finished=is_finished,
            improvable=self._improvable(state, new_length, running, finished, is_finished),
            cache=cache,
        )

    def _candidates(self, state):
        """The 2 * beams best continuations of each source, and the beams they continue."""
        sequences, decoding = state.running.sequences, self.decoding
        scores, cache = decoding.next_scores(sequences, state.length, state.cache)
        scores = decoding.warped(sequences, state.length, scores)
        vocab_size = scores.shape[-1]
        sums = scores + state.running.scores[:, :, None]  # (batch, beams, vocab)
        flat = tf.reshape(sums, (-1, self.beams * vocab_size))
        if self.options.do_sample:
            noisy = tf.reshape(decoding.perturbed(sums, state.length), tf.shape(flat))
            _, places = tf.math.top_k(noisy, 2 * self.beams)
            # What is drawn is drawn; which of it is kept goes by the scores again.
            scores, order = tf.math.top_k(
                tf.gather(flat, places, axis=1, batch_dims=1), 2 * self.beams
            )
            places = tf.gather(places, order, axis=1, batch_dims=1)
        else:
            scores, places = exact_top_k(flat, 2 * self.beams)
        origins, tokens = places // vocab_size, places % vocab_size
        sequences = tf.gather(state.running.sequences, origins, axis=1, batch_dims=1)
        return Hypotheses(write_token(sequences, tokens, state.length), scores), origins, cache

    def _finish(self, state, candidates, stops):
        """Merges the candidates that just ended into the best finished hypotheses."""
        # Only the best half may end: the rest is there to go on with.
        ends = stops & (tf.range(2 * self.beams) < self.beams) & state.improvable[:, None]
        scores = self.decoding.normalized(
            candidates.scores, state.length + 1 - self.decoding.prompt_length
        )
        scores = tf.where(ends, scores, NEVER)
        merged = state.finished.joined(Hypotheses(candidates.sequences, scores))
        _, best = tf.math.top_k(merged.scores, self.beams)
        is_finished = tf.concat([state.is_finished, ends], axis=1)
        return merged.select(best), tf.gather(is_finished, best, axis=1, batch_dims=1)

    def _improvable(self, state, length, running, finished, is_finished):
        """Whether each source's best running hypothesis may beat its worst finished one."""
        options = self.options
        improvable = state.improvable
        if options.early_stopping is True:
            improvable &= ~tf.reduce_all(is_finished, axis=1)
        # A positive penalty exponent favours long outputs: the bound that is certain takes
        # the greatest length, the usual heuristic the present one.
        bound_length = length - self.decoding.prompt_length
        if options.early_stopping == "never" and options.length_penalty > 0:
            bound_length = options.max_length - self.decoding.prompt_length
        bound = self.decoding.normalized(running.scores[:, 0], bound_length)
        worst = tf.where(is_finished, tf.reduce_min(finished.scores, axis=1)[:, None], NEVER)
        return improvable & tf.reduce_any(bound[:, None] > worst, axis=1)
