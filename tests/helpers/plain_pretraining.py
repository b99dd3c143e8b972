"""A slow implementation of the pre-training objectives in plain Python, to compare with.

It follows the authors' `sentence_selection.cc`, `rouge.cc` and `pretrain_parsing_ops.cc` step by
step: it counts all n-grams anew for each candidate. It draws the same random numbers as
`tf_pegasus.pretraining`, and shares nothing else with it.
"""

import math
import string
from collections import Counter

import numpy as np

f32 = np.float32


def authors_sentences(text):
    sentences, current, i = [], "", 0
    while i < len(text):
        current += text[i]
        i += 1
        if text[i - 1] in ".!?" and i < len(text) and text[i] in " \t\n\v\f\r":
            while i < len(text) and text[i] in " \t\n\v\f\r":
                current += text[i]
                i += 1
            sentences.append(current)
            current = ""
    return [*sentences, current] if current else sentences


def ascii_words(text):
    clean = "".join(c if c in string.ascii_letters + string.digits else " " for c in text)
    return clean.lower().split()


def ngrams(words, size):
    return Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))


def weigh(count, counting):
    return {"standard": count, "deduplicate": min(count, 1), "log": math.log(1 + count)}[counting]


def rouge(reference, candidate, metric, counting):
    shared = sum(
        min(weigh(count, counting), weigh(candidate[ngram], counting))
        for ngram, count in reference.items()
    )
    least = 0.1 if counting == "log" else 1.0
    of_reference = math.fsum(weigh(count, counting) for count in reference.values())
    of_candidate = math.fsum(weigh(count, counting) for count in candidate.values())
    recall = f32(shared / max(least, of_reference))
    precision = f32(shared / max(least, of_candidate))
    if metric == "recall":
        return recall
    if metric == "precision":
        return precision
    if precision > 0 and recall > 0:
        return f32(f32(f32(2) * precision) * recall) / f32(precision + recall)
    return f32(0)


def number_of(sentences, ratio):
    return min(int(max(f32(f32(sentences) * f32(ratio)), f32(1))), sentences)


class Scorer:
    def __init__(self, words, size, metric, counting):
        self.sentences = [ngrams(sentence, size) for sentence in words]
        self.text = ngrams([word for sentence in words for word in sentence], size)
        self.metric, self.counting = metric, counting

    def score(self, selected):
        candidate = Counter()
        for index in selected:
            candidate.update(self.sentences[index])
        reference = Counter(self.text)
        reference.subtract(candidate)
        return rouge(reference, candidate, self.metric, self.counting)


def independent(scorer, count, ratio, noise, random):
    drawn = [0.0] * count if noise is None else random.standard_normal(count)
    noise = float(f32(noise or 0))
    scored = [
        (f32(float(scorer.score([i])) * (1 + noise * (noise * drawn[i]))), i) for i in range(count)
    ]
    best = sorted(scored, reverse=True)[: number_of(count, ratio)]
    return sorted(index for _, index in best)


def sequential(scorer, count, ratio):
    selected = []
    for _ in range(number_of(count, ratio)):
        best = (-1, -1)
        for index in range(count):
            if index not in selected:
                score = scorer.score([*selected, index])
                if score >= best[0]:
                    best = (score, index)
        selected.append(best[1])
    return sorted(selected)


def continuous(scorer, count, ratio):
    number, best, first = number_of(count, ratio), -1, 0
    for start in range(count - number + 1):
        score = scorer.score(range(start, start + number))
        if score >= best:
            best, first = score, start
    return list(range(first, first + number))


def select(words, count, options, random):
    """Returns indices, and the id of the task or None."""
    strategy, ratio, task = options["strategy"], f32(options["ratio"]), None
    if strategy == "none":
        return [], None
    if strategy == "hybrid":
        strategy, task = (("random", 5), ("lead", 6), ("ind", 7))[int(random.random() * 3)]
    if strategy == "dynamic":
        least = float(f32(options["min_ratio"]))
        ratio = f32(float(ratio) * (least + (1 - least) * random.random()))
    if strategy == "random":
        return sorted(random.permutation(count)[: number_of(count, ratio)].tolist()), task
    if strategy == "lead":
        return list(range(number_of(count, ratio))), task
    if not count:
        return [], task
    kind, _, name = strategy.partition("-")
    counting = {"orig": "standard", "uniq": "deduplicate", "log": "log"}.get(
        name, options["counting"]
    )
    scorer = Scorer(words, options["size"], options["metric"], counting)
    if kind == "seq":
        source, target = options["max_source"], options["max_target"]
        most = max(1, int(max(source / 20.0, float(f32(target) / ratio) / 20.0)))
        return sequential(scorer, min(count, most), ratio), task
    if kind == "continuous":
        return continuous(scorer, count, ratio), task
    noise = options["noise"] if strategy == "dynamic" else None
    return independent(scorer, count, ratio, noise, random), task


def window(sentences, most, random, length=len):
    total = sum(map(length, sentences))
    if total <= most:
        return sentences
    drawn = int(random.random() * (total - most + 1))
    position, kept, size = 0, [], 0
    for number, sentence in enumerate(sentences):
        begins = position >= drawn or number == len(sentences) - 1
        if begins and (not kept or size + length(sentence) <= most):
            kept.append(sentence)
            size += length(sentence)
        elif kept:
            break
        position += length(sentence)
    return kept


def mask_words(ids, ratio, probabilities, begins_word, first, end, mask, random):
    """Returns inputs and labels; labels are 0 where the authors' are."""
    words, start = [], 0
    for i, index in enumerate(ids):
        if index < first or begins_word(index):
            if i > start:
                words.append((start, i))
            start = i + 1 if index < first else i
    if start < len(ids):
        words.append((start, len(ids)))
    ids, labels = list(ids), [0] * len(ids)
    number = int(max(f32(f32(len(words)) * f32(ratio)), f32(1)))
    chosen = [words[i] for i in random.permutation(len(words))[:number]]
    choices = [random.random() for _ in chosen]
    for (start, stop), choice in zip(chosen, choices, strict=True):
        for i in range(start, stop):
            labels[i] = ids[i]
            if choice < probabilities[0]:
                ids[i] = mask
            elif choice < probabilities[0] + probabilities[1]:
                ids[i] = first + int(random.random() * (end - first))
    return ids, labels


def example(text, options, encode, begins_word, vocab_size, random):
    """Returns padded ids of input, target and masked words, as the authors' parser does.

    Args:
        text: str.
        options: dict, see the tests.
        encode: function from str to ids without eos.
        begins_word: function from id to bool.
        vocab_size: int.
        random: `np.random.Generator`.
    """
    if options["max_total_words"]:
        words = [word for word in text.split(" ") if word]
        if len(words) > options["max_total_words"]:
            text = " ".join(words[: options["max_total_words"]])
    sentences = options["split"](text)
    if options["long"] == "window":
        sentences = window(sentences, 8 * options["max_source"], random)
        room = options["max_source"] - 1
        room -= (options["strategy"] == "hybrid") + bool(options["bucket"])
        room -= options["task"] is not None
        sentences = window(sentences, room, random, lambda sentence: len(encode(sentence)))
    if len(sentences) < options["min_sentences"]:
        return None
    words = [[w for w in options["words"](s) if w not in options["stops"]] for s in sentences]
    selected, task = select(words, len(sentences), options, random)
    ids = [encode(sentence) for sentence in sentences]
    target = [index for number in selected for index in ids[number]] + [1]
    mask, replace, keep, _ = np.cumsum(options["sentence_options"])
    rest = [ids[i] for i in range(len(ids)) if i not in selected]
    for number in selected:
        choice = random.random()
        if choice < mask:
            ids[number] = [2]
        elif choice < replace:
            others = list(ids) if options["replacement"] == "any" else rest
            drawn = random.random()
            ids[number] = list(others[int(drawn * len(others))]) if others else [2]
        elif choice < keep:
            pass
        else:
            ids[number] = []
    source = [*([task] if task else []), *(index for row in ids for index in row), 1]
    labels = [0] * len(source)
    if options["masked_word_ratio"]:
        source, labels = mask_words(
            source,
            options["masked_word_ratio"],
            options["word_options"],
            begins_word,
            105,
            vocab_size,
            3,
            random,
        )
    source = pad(source, options["max_source"])
    labels = pad(labels, options["max_source"])
    target = pad(target, options["max_target"])
    length = sum(index > 0 for index in target)
    if options["min_target"] and not length > options["min_target"] - 1:
        return None
    prefixes = []
    if options["bucket"]:
        prefixes.append(min(length // options["bucket"] + 20, 49))
    if options["task"] is not None:
        prefixes.append(50 + options["task"])
    for prefix in prefixes:
        source, labels = [prefix, *source[:-1]], [0, *labels[:-1]]
    return source, target, labels


def pad(ids, length):
    return (ids + [0] * length)[:length]
