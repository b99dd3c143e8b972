"""Beam search for one source in plain Python, with the rules of `transformers` or the authors."""

from dataclasses import dataclass, field

import numpy as np
from helpers.fake_decoding import EOS, PAD, log_softmax


@dataclass
class _Group:
    running: list = field(default_factory=lambda: [(0.0, ())])
    finished: list = field(default_factory=list)
    goes_on: bool = True


def plain_beam_search(table, row, options):
    """Returns the hypotheses of one source as `(score, tokens)`, best first.

    Args:
        table: see `FakeDecoding`.
        row: int, the index of the source.
        options: `GenerationConfig`.
    """
    steps = options.max_length - 1
    beams = options.num_beams // options.num_beam_groups
    ends_with = options.eos_token_ids or (EOS,)
    count = max(2, 1 + len(ends_with)) * beams
    is_gnmt = options.length_penalty_type == "gnmt"

    def normalized(total, length):
        length = (5 + length) / 6 if is_gnmt else length
        return total / length**options.length_penalty

    def bound_length(step):
        is_certain = is_gnmt or options.early_stopping == "never"
        return steps if is_certain and options.length_penalty > 0 else step

    groups = [_Group() for _ in range(options.num_beam_groups)]
    for step in range(1, steps + 1):
        chosen = []
        for group in groups:
            candidates = []
            for total, tokens in group.running:
                gains = log_softmax(table(row, tokens))
                for token in chosen:
                    gains[token] -= options.diversity_penalty
                if step < options.min_length:
                    gains[list(ends_with)] = -np.inf
                if step == steps and options.forced_eos_token_id is not None:
                    gains = np.where(
                        np.arange(len(gains)) == options.forced_eos_token_id, 0, -np.inf
                    )
                candidates += [(total + gain, (*tokens, i)) for i, gain in enumerate(gains)]
            candidates = sorted(candidates, key=lambda candidate: -candidate[0])[:count]
            ends = [
                tokens[-1] in ends_with or (step == steps and not is_gnmt)
                for _, tokens in candidates
            ]
            if group.goes_on:
                group.finished += [
                    (normalized(total, step), tokens)
                    for rank, (total, tokens) in enumerate(candidates)
                    if ends[rank] and (is_gnmt or rank < beams) and total > -np.inf
                ]
                group.finished = sorted(group.finished, key=lambda pair: -pair[0])[:beams]
            group.running = [c for c, end in zip(candidates, ends, strict=True) if not end][:beams]
            chosen += [
                tokens[-1] if group.goes_on else PAD
                for _, tokens in [c for c in candidates if c[1][-1] not in ends_with][:beams]
            ]
            looked_at = candidates if len(groups) > 1 else group.running
            if group.goes_on and len(group.finished) == beams:
                best = normalized(looked_at[0][0], bound_length(step)) if looked_at else -np.inf
                is_done = options.early_stopping is True
                group.goes_on = not is_done and best > group.finished[-1][0]
        if not any(group.goes_on for group in groups):
            break
    found = []
    for group in groups:
        found += group.finished
        if is_gnmt:
            found += group.running[len(group.finished) :]
    if len(groups) > 1:
        found.sort(key=lambda pair: -pair[0])
    return found
