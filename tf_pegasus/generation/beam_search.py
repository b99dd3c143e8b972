"""Beam search with the rules of `transformers` or of the PEGASUS authors.

The rules decide which hypotheses are finished and when to stop. Those of the authors
(`length_penalty_type="gnmt"`) let any of the 2 * beams candidates finish, prefer finished
hypotheses to unfinished ones whatever the scores, and stop when no better one is possible.

Groups of beams (Vijayakumar et al., 2016) are separate searches that advance together: each is
penalized for choosing the tokens that earlier groups chose in the same step.

Reference: Wu et al., 2016 (GNMT), section 7; the paper decodes with 8 beams (appendix C).
"""

from typing import NamedTuple

import tensorflow as tf

from tf_pegasus.generation.decoding import Hypotheses, write_at
from tf_pegasus.generation.records import Records
from tf_pegasus.generation.top_k import best_continuations
from tf_pegasus.layers.beam_cache import BeamCache

# The score of tokens that must not be chosen: finite, so that sums and products are never NaN.
NEVER = -1e9


class _Group(NamedTuple):
    """The state of the search of one group of beams; without groups, of all beams."""

    running: Hypotheses  # scores are sums of log-probabilities
    finished: Hypotheses  # scores have the length penalty applied
    is_finished: tf.Tensor  # (batch, beams): whether the entry of `finished` is filled
    improvable: tf.Tensor  # (batch,): whether a running hypothesis may still win


class _State(NamedTuple):
    length: tf.Tensor  # scalar: tokens in the running hypotheses
    groups: tuple
    cache: BeamCache
    records: Records


def beam_search(decoding):
    """Generates the `num_return_sequences` best outputs of each source, best first.

    Args:
        decoding: `Decoding`.

    Returns:
        `Hypotheses` with `num_return_sequences` entries per source, whose scores include the
        length penalty; the `Records`; and the number of steps. A row whose mask is all zero has
        no tokens and the score 0.
    """
    search = _BeamSearch(decoding)
    final = _State(
        *tf.while_loop(
            lambda *state: search.goes_on(_State(*state)),
            lambda *state: tuple(search.step(_State(*state))),
            tuple(search.first_state()),
            maximum_iterations=decoding.steps,
        )
    )
    finished = search.results(final.groups[0])
    for group in final.groups[1:]:
        finished = finished.joined(search.results(group))
    if len(final.groups) > 1:
        finished = finished.select(tf.math.top_k(finished.scores, decoding.beams)[1])
    asked_for = decoding.options.num_return_sequences
    best = Hypotheses(*(part[:, :asked_for] for part in finished))
    return best, final.records, final.length - decoding.prompt_length


class _BeamSearch:
    def __init__(self, decoding):
        self.decoding = decoding
        self.options = decoding.options
        self.beams = decoding.group_size
        # Only the first `used` beams are searched, if the number may change between calls.
        self.used = decoding.num_beams if decoding.has_runtime_beams else self.beams
        # At most one continuation of a beam per id that ends it is complete, so enough of these
        # candidates remain to continue.
        self.candidates = max(2, 1 + len(self.options.eos_token_ids))
        self.follows_authors = self.options.length_penalty_type == "gnmt"

    def first_state(self):
        decoding = self.decoding
        shape = (decoding.batch, self.beams)
        sequences = decoding.first_sequences(self.beams)
        ancestors = tf.fill((*shape, decoding.steps), -1)
        # All beams start equal, so only the first may be continued: otherwise all would stay equal.
        first = tf.where(tf.range(self.beams) == 0, 0.0, NEVER)
        idle = ~decoding.active[:, None]
        group = _Group(
            running=Hypotheses(sequences, tf.broadcast_to(first, shape), ancestors),
            finished=Hypotheses(
                sequences, tf.broadcast_to(tf.where(idle, 0.0, NEVER), shape), ancestors
            ),
            is_finished=tf.broadcast_to(idle, shape),
            improvable=decoding.active,
        )
        return _State(
            length=tf.constant(decoding.prompt_length),
            groups=(group,) * self.options.num_beam_groups,
            cache=decoding.first_cache(),
            records=decoding.first_records(),
        )

    def results(self, group):
        """Returns the final `Hypotheses` of a group, best first."""
        if not self.follows_authors:
            return group.finished

        def completed(finished, running):
            places = tf.reshape(
                group.is_finished, (-1, self.beams, *[1] * (len(finished.shape) - 2))
            )
            return tf.where(places, finished, running)

        return Hypotheses(*map(completed, group.finished, group.running))

    def goes_on(self, state):
        """Returns whether any group of any source may still improve, as a bool scalar."""
        improvable = tf.reduce_any(tf.stack([group.improvable for group in state.groups]))
        return improvable & (state.length < self.decoding.last_length)

    def step(self, state):
        decoding, length = self.decoding, state.length
        sequences = tf.concat([group.running.sequences for group in state.groups], axis=1)
        logits, decoded = decoding.step(sequences, length, state.cache)
        groups, ancestors, all_scores, chosen = [], [], [], []
        for number, group in enumerate(state.groups):
            start = number * self.beams
            diversity = self._diversity(chosen, logits.shape[-1])
            scores = decoding.scored(
                logits[:, start : start + self.beams], group.running.sequences, length, diversity
            )
            all_scores.append(scores)
            advanced, group_ancestors = self._advanced(group, scores, length, start)
            groups.append(advanced)
            ancestors.append(group_ancestors)
            tokens = tf.gather(advanced.running.sequences, length, axis=2)
            # A finished group chooses only padding.
            chosen.append(tf.where(group.improvable[:, None], tokens, decoding.pad))
        return _State(
            length=length + 1,
            groups=tuple(groups),
            cache=decoded.cache.reordered(tf.concat(ancestors, axis=1)),
            records=state.records.written(
                length - decoding.prompt_length,
                decoded,
                logits,
                lambda: self._reported_scores(all_scores, sequences, length),
            ),
        )

    def _diversity(self, chosen, vocab_size):
        """Returns the penalty for tokens that earlier groups chose in this step.

        Args:
            chosen: list of `(batch, group_size)`, the tokens of each earlier group.
            vocab_size: int.

        Returns:
            float32 `(batch, 1, vocab_size)`, or None.
        """
        if not chosen or self.options.diversity_penalty == 0.0:
            return None
        tokens = tf.concat(chosen, axis=1)
        counts = tf.reduce_sum(tf.one_hot(tokens, vocab_size), axis=1, keepdims=True)
        return self.decoding.value_of("diversity_penalty") * counts

    def _reported_scores(self, scores, sequences, length):
        parts = []
        for number, part in enumerate(scores):
            place = slice(number * self.beams, (number + 1) * self.beams)
            parts.append(self.decoding.reported_scores(part, sequences[:, place], length))
        return tf.concat(parts, axis=1)

    def _advanced(self, group, scores, length, start):
        """Advances one group by a step.

        Also returns the beams that its hypotheses continue, numbered across all groups.
        """
        candidates, own_ancestors = self._candidates(group, scores, length)
        ancestors = own_ancestors + start
        candidates = candidates._replace(
            ancestors=write_at(
                candidates.ancestors, length - self.decoding.prompt_length, ancestors
            )
        )
        is_complete = self.decoding.ends(
            candidates.sequences,
            length + 1,
            lambda: tf.gather(
                scores.values - scores.normalizer, own_ancestors, axis=1, batch_dims=1
            ),
        )
        stops = is_complete
        if not self.follows_authors:
            stops |= length + 1 == self.decoding.last_length
        # Complete candidates are not continued in the last step either, where later groups avoid
        # the tokens of these hypotheses.
        open_scores = candidates.scores + tf.where(is_complete, NEVER, 0.0)
        open_scores, chosen = tf.math.top_k(open_scores, self.beams)
        open_scores = self._of_used_beams(open_scores, NEVER)
        running = candidates.select(chosen)._replace(scores=open_scores)
        finished, is_finished = self._finish(group, candidates, ancestors, stops, length)
        finished = finished._replace(scores=self._of_used_beams(finished.scores, NEVER))
        is_finished = self._of_used_beams(is_finished, False)
        advanced = _Group(
            running=running,
            finished=finished,
            is_finished=is_finished,
            improvable=self._still_improvable(
                # In `transformers`, a search with groups also considers candidates that just ended.
                candidates if self.options.num_beam_groups > 1 else running,
                group.improvable,
                length + 1,
                finished,
                is_finished,
            ),
        )
        return advanced, tf.gather(ancestors, chosen, axis=1, batch_dims=1)

    def _candidates(self, group, scores, length):
        """Returns the best continuations of each source, and the beams they continue."""
        sequences, decoding = group.running.sequences, self.decoding
        count = self.candidates * self.beams
        vocab_size = scores.values.shape[-1]
        offsets = group.running.scores[:, :, None] - scores.normalizer
        if self.options.do_sample:
            sums = decoding.warped(sequences, length, scores.values) + offsets
            flat = tf.reshape(sums, (-1, self.beams * vocab_size))
            noisy = tf.reshape(decoding.perturbed(sums, length), tf.shape(flat))
            _, places = tf.math.top_k(noisy, count)
            # The sample decides which candidates there are, their scores which of them are kept.
            values, order = tf.math.top_k(tf.gather(flat, places, axis=1, batch_dims=1), count)
            places = tf.gather(places, order, axis=1, batch_dims=1)
        else:
            values, places = best_continuations(scores.values, offsets, count)
        ancestors, tokens = places // vocab_size, places % vocab_size
        continued = group.running.select(ancestors)
        sequences = write_at(continued.sequences, length, tokens)
        return Hypotheses(sequences, values, continued.ancestors), ancestors

    def _finish(self, group, candidates, ancestors, stops, length):
        """Merges the candidates that just ended into the best finished hypotheses."""
        ends = stops & group.improvable[:, None]
        if self.decoding.has_runtime_beams:
            ends &= ancestors < self.used
        # The authors let all candidates finish, `transformers` only the best ones: the others are
        # there to be continued.
        may_end = self.candidates * self.used if self.follows_authors else self.used
        ends &= tf.range(self.candidates * self.beams) < may_end
        scores = self.decoding.normalized(
            candidates.scores, length + 1 - self.decoding.prompt_length
        )
        merged = group.finished.joined(candidates._replace(scores=tf.where(ends, scores, NEVER)))
        _, best = tf.math.top_k(merged.scores, self.beams)
        is_finished = tf.concat([group.is_finished, ends], axis=1)
        return merged.select(best), tf.gather(is_finished, best, axis=1, batch_dims=1)

    def _of_used_beams(self, values, otherwise):
        """Returns `values` `(batch, beams)`, with `otherwise` for unused beams."""
        if not self.decoding.has_runtime_beams:
            return values
        return tf.where(tf.range(self.beams) < self.used, values, otherwise)

    def _still_improvable(self, running, improvable, length, finished, is_finished):
        """Returns whether each source's best running hypothesis may beat its worst finished one."""
        options = self.options
        all_finished = tf.reduce_all(self._of_used_beams(is_finished, True), axis=1)
        if options.early_stopping is True:
            improvable &= ~all_finished
        elif self.decoding.has_runtime_beams:
            # One beam is greedy search, which stops at the first eos.
            improvable &= ~(all_finished & (self.used == 1))
        # A positive exponent favours long outputs: the exact bound uses the maximum length, the
        # usual heuristic the current length.
        bound_length = length - self.decoding.prompt_length
        is_certain = options.early_stopping == "never" or self.follows_authors
        if is_certain:
            steps = self.decoding.last_length - self.decoding.prompt_length
            bound_length = tf.where(self.decoding.length_penalty > 0, steps, bound_length)
        bound = self.decoding.normalized(running.scores[:, 0], bound_length)
        lowest = tf.reduce_min(self._of_used_beams(finished.scores, -NEVER), axis=1)
        worst = tf.where(is_finished, lowest[:, None], NEVER)
        worst = self._of_used_beams(worst, -NEVER)
        return improvable & tf.reduce_any(bound[:, None] > worst, axis=1)
