"""Exporting a SavedModel that takes strings and returns summaries."""

import json
import tempfile
import warnings
from pathlib import Path

import tensorflow as tf

from tf_pegasus.serving.deployment import batching_parameters
from tf_pegasus.serving.manifest import EXTRA, MANIFEST_FILE, checksums
from tf_pegasus.serving.new_version import new_version
from tf_pegasus.serving.options import EXPORT_ENGINES, MAX_TEXT_BYTES
from tf_pegasus.serving.signatures import ServedSummarizer
from tf_pegasus.serving.warmup import is_available, write_warmup_requests
from tf_pegasus.serving.weights import weights_of, with_weights
from tf_pegasus.summarizer import Summarizer
from tf_pegasus.utils.extras import require
from tf_pegasus.utils.files import write_json_atomically
from tf_pegasus.utils.shapes import Buckets
from tf_pegasus.version import __version__


def export_saved_model(
    summarizer,
    directory,
    engine="xla",
    version=None,
    weights=None,
    batch_buckets=None,
    length_buckets=None,
    adjustable=False,
    max_text_bytes=MAX_TEXT_BYTES,
    warmup=None,
    **options,
):
    """Writes a new version of a SavedModel that takes strings and returns summaries.

    Tokenizer and search are inside: serving needs `tensorflow` and `tensorflow_text`'s ops,
    no Python of this package. Signatures:

    - `serving_default`: `text` string `(batch,)` to `summary` string, `score` float32 (length-
      normalized log-probability) and `truncated` bool (the text was too long, its end was not
      read), all `(batch,)`;
    - `summarize_n`: `text` to `summaries` and `scores`, `(batch, n)`, best first, and
      `truncated`; a place that no hypothesis filled has "" and a score of -1e9;
    - `generate_ids`: `input_ids` and `attention_mask`, int32 `(batch, length)`, to `sequences`
      int32 `(batch, max_length)`, `scores`, `truncated` and `valid` (False where ids are out
      of range);
    - `score`: `document` and `summary`, string `(batch,)`, to `log_probability` float32 (a sum
      over `tokens`, int32), and `truncated`; of a blank document 0 over 0 tokens;
    - `encode`: `text` to `states` float32 `(batch, d_model)`, the mean of the encoder's states
      over the text's tokens, and `truncated`;
    - `tokenize`: `text` to `input_ids` and `attention_mask`, int32 `(batch, length)`, and
      `truncated`.

    A blank text has the summary "" and the score 0. Requests are computed in the shapes of the
    buckets, larger ones in parts.

    Args:
        summarizer: `tf_pegasus.Summarizer`.
        directory: path that holds the versions: `1`, `2`, … Never written over.
        engine: `"xla"` (compiles at the first request of each bucket; TF Serving wants
            `--xla_cpu_compilation_enabled=true`), `"graph"` (runs everywhere) or `"both"`:
            graph, and `serving_default_xla`, `summarize_n_xla`, `generate_ids_xla`.
        version: int, at least 1; by default one more than there is, or is being written.
        weights: `"float32"`, `"bfloat16"`, `"int8"`, or None, as the model has them.
        batch_buckets: ints, ascending; by default 1, 2, 4, 8, 16.
        length_buckets: ints, ascending, in tokens; by default an eighth, a quarter, half and
            all of what the model reads.
        adjustable: bool, give `serving_default`, `summarize_n` and `generate_ids` the optional
            scalar inputs `num_beams` (int32, at most that of the export; 1 is greedy),
            `max_length` (int32, likewise) and `length_penalty` (float32).
        max_text_bytes: int, of longer texts the rest is not even tokenized.
        warmup: bool, write requests that TF Serving replays before it serves, for every
            bucket; by default where `tensorflow-serving-api` is installed.
        **options: see `generate`, such as `num_beams`; by default the model's.
            `num_return_sequences` is the n of `summarize_n`, by default `num_beams`.

    Returns:
        `Path` of the new version.

    Raises:
        FileExistsError: the version exists.
        LockedError: another export is writing the version that is asked for.
        ValueError, TypeError: an option is unknown or out of range.
        ImportError: `warmup=True` and `tensorflow-serving-api` is not installed.
    """
    if engine not in EXPORT_ENGINES:
        raise ValueError(f"engine={engine!r} must be one of {', '.join(EXPORT_ENGINES)}")
    if not isinstance(max_text_bytes, int) or max_text_bytes < 1:
        raise ValueError(f"max_text_bytes={max_text_bytes!r} must be an int of at least 1")
    if warmup:
        require("tensorflow_serving", "serving")
    elif warmup is None:
        warmup = is_available()
        if not warmup:
            warnings.warn(
                "no warm-up requests are written, which need tensorflow-serving-api: "
                "pip install 'tf-pegasus[serving]'",
                stacklevel=2,
            )
    buckets = Buckets.few(summarizer.max_source_length, batch_buckets, length_buckets)
    settings = _settings(summarizer.model, adjustable, options)
    summarizer = Summarizer(with_weights(summarizer.model, weights), summarizer.tokenizer)
    engines = EXPORT_ENGINES[engine]
    served = ServedSummarizer(summarizer, buckets, engines, settings, adjustable, max_text_bytes)
    with new_version(directory, version) as (path, temporary):
        _save(served, summarizer, temporary)
        extra = temporary / EXTRA
        extra.mkdir()
        if warmup:
            # TF Serving refuses a model whose warm-up fails, as XLA's does where it is not
            # enabled: so the engine that is no default has a file of its own.
            for name in engines:
                write_warmup_requests(
                    extra, summarizer.tokenizer, buckets, name, is_default=name == engines[0]
                )
        (extra / "batching_parameters.txt").write_text(batching_parameters(buckets.batch))
        manifest = {
            "tf_pegasus": __version__,
            "tensorflow": tf.__version__,
            "engine": engine,
            "weights": weights_of(summarizer.model),
            "batch_buckets": buckets.batch,
            "length_buckets": buckets.length,
            "adjustable": adjustable,
            "max_text_bytes": max_text_bytes,
            "signatures": sorted(served.signatures),
            "generation": settings.to_dict(),
            "files": checksums(temporary),
        }
        write_json_atomically(temporary / MANIFEST_FILE, manifest)
    return path


def _settings(model, adjustable, options):
    """`GenerationConfig` of an export.

    Raises:
        ValueError, TypeError: see `export_saved_model`.
    """
    settings = model.generation_config.updated(**options)
    if settings.max_new_tokens is not None:
        settings = settings.updated(max_length=1 + settings.max_new_tokens)
    if settings.do_sample:
        raise ValueError("do_sample=True cannot be exported: equal requests get equal answers")
    if "num_return_sequences" not in options:
        settings = settings.updated(num_return_sequences=settings.num_beams)
    if adjustable and (settings.num_beam_groups > 1 or settings.repetition_penalty != 1.0):
        raise ValueError(
            "adjustable=True excludes num_beam_groups above 1 and a repetition_penalty, whose "
            "meaning depends on num_beams"
        )
    return settings


def _save(served, summarizer, directory):
    """Writes the SavedModel's own files."""
    module = tf.Module()
    module.tokenizer = served.tokenizer
    # Keras keeps its variables in wrappers that a SavedModel does not look into.
    module.weights = [variable.value for variable in summarizer.model.variables]
    with tempfile.TemporaryDirectory() as scratch:
        # The graph holds the vocabulary already; the asset is for people to look at.
        vocabulary = Path(scratch, "spiece.model")
        vocabulary.write_bytes(summarizer.tokenizer.model_proto)
        added = Path(scratch, "added_tokens.json")
        added.write_text(json.dumps(summarizer.tokenizer.get_added_vocab()), encoding="utf-8")
        module.assets = [tf.saved_model.Asset(str(file)) for file in (vocabulary, added)]
        tf.saved_model.save(module, str(directory), signatures=served.signatures)
