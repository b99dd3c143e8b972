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

    Tokenizer and search are part of the graph: serving needs `tensorflow` and the ops of
    `tensorflow_text`, but not this package. Signatures:

    - `serving_default`: `text` string `(batch,)` to `summary` string, `score` float32 (length-
      normalized log-probability) and `truncated` bool (the end of the text was cut off), all
      `(batch,)`;
    - `summarize_n`: `text` to `summaries` and `scores`, `(batch, n)`, best first, and
      `truncated`; entries without a hypothesis have "" and a score of -1e9;
    - `generate_ids`: `input_ids` and `attention_mask`, int32 `(batch, length)`, to `sequences`
      int32 `(batch, max_length)`, `scores`, `truncated` and `valid` (False where ids are out
      of range);
    - `score`: `document` and `summary`, string `(batch,)`, to `log_probability` float32 (a sum
      over `tokens`, int32), and `truncated`; for a blank document 0 over 0 tokens;
    - `encode`: `text` to `states` float32 `(batch, d_model)`, the mean of the encoder's states
      over the text's tokens, and `truncated`;
    - `tokenize`: `text` to `input_ids` and `attention_mask`, int32 `(batch, length)`, and
      `truncated`.

    A blank text has the summary "" and the score 0. Inputs are padded to the shapes of the
    buckets; requests larger than the largest bucket are computed in parts.

    Args:
        summarizer: `tf_pegasus.Summarizer`.
        directory: path of the directory of versions: `1`, `2`, … Existing versions are never
            overwritten.
        engine: `"xla"` (compiles at the first request of each bucket; TF Serving needs
            `--xla_cpu_compilation_enabled=true`), `"graph"` (runs everywhere) or `"both"`:
            graph, and `serving_default_xla`, `summarize_n_xla`, `generate_ids_xla`.
        version: int, at least 1; defaults to the latest version plus one, versions that are being
            written included.
        weights: `"float32"`, `"bfloat16"`, `"int8"`, or None to keep the model's precision.
        batch_buckets: ints, ascending; by default 1, 2, 4, 8, 16.
        length_buckets: ints, ascending, in tokens; by default an eighth, a quarter, half and
            all of the model's source length.
        adjustable: bool, whether `serving_default`, `summarize_n` and `generate_ids` take the
            optional scalar inputs `num_beams` (int32, at most that of the export; 1 is greedy),
            `max_length` (int32, at most that of the export) and `length_penalty` (float32).
        max_text_bytes: int, texts are cut to this size before they are tokenized.
        warmup: bool, write requests that TF Serving replays before it serves, for every
            bucket; by default if `tensorflow-serving-api` is installed.
        **options: generation options, see `generate`, such as `num_beams`; default to the
            model's. `num_return_sequences` is the n of `summarize_n` and defaults to `num_beams`.

    Returns:
        `Path` of the new version.

    Raises:
        FileExistsError: if the version exists.
        LockedError: if another export is writing this version.
        ValueError, TypeError: if an option is unknown or out of range.
        ImportError: if `warmup=True` and `tensorflow-serving-api` is not installed.
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
                "no warm-up requests are written, because they need tensorflow-serving-api: "
                "pip install 'tf-pegasus[serving]'",
                stacklevel=2,
            )
    buckets = Buckets.few(summarizer.max_source_length, batch_buckets, length_buckets)
    settings = _settings(summarizer.model, engine, adjustable, options)
    summarizer = Summarizer(with_weights(summarizer.model, weights), summarizer.tokenizer)
    engines = EXPORT_ENGINES[engine]
    served = ServedSummarizer(summarizer, buckets, engines, settings, adjustable, max_text_bytes)
    with new_version(directory, version) as (path, temporary):
        _save(served, summarizer, temporary)
        extra = temporary / EXTRA
        extra.mkdir()
        if warmup:
            # TF Serving refuses a model whose warm-up fails, as XLA's does where it is not
            # enabled, so the engine that is not the default has a file of its own.
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


def _settings(model, engine, adjustable, options):
    """Returns the `GenerationConfig` of an export.

    Raises:
        ValueError, TypeError: see `export_saved_model`.
    """
    model.follow_config()
    settings = model.generation_config.updated(**options)
    if settings.max_new_tokens is not None:
        settings = settings.updated(max_length=1 + settings.max_new_tokens)
    if settings.do_sample:
        raise ValueError("do_sample=True cannot be exported: a served model must be deterministic")
    if settings.max_time is not None and engine != "graph":
        raise ValueError(
            f"max_time={settings.max_time!r} needs a clock, which XLA lacks: use engine='graph', "
            f"got engine={engine!r}"
        )
    if "num_return_sequences" not in options:
        settings = settings.updated(num_return_sequences=settings.num_beams)
    if adjustable and (settings.num_beam_groups > 1 or settings.depends_on_beams):
        raise ValueError(
            "adjustable=True cannot be combined with num_beam_groups above 1 or with a "
            "repetition_penalty, encoder_repetition_penalty, exponential_decay_length_penalty or "
            "remove_invalid_values, whose meaning depends on num_beams"
        )
    return settings


def _save(served, summarizer, directory):
    """Writes the files of the SavedModel itself."""
    module = tf.Module()
    module.tokenizer = served.tokenizer
    # A SavedModel does not track variables inside the wrappers in which Keras keeps them.
    module.weights = [variable.value for variable in summarizer.model.variables]
    with tempfile.TemporaryDirectory() as scratch:
        # The graph contains the vocabulary already; the asset is for people to inspect.
        vocabulary = Path(scratch, "spiece.model")
        vocabulary.write_bytes(summarizer.tokenizer.model_proto)
        added = Path(scratch, "added_tokens.json")
        added.write_text(json.dumps(summarizer.tokenizer.get_added_vocab()), encoding="utf-8")
        module.assets = [tf.saved_model.Asset(str(file)) for file in (vocabulary, added)]
        tf.saved_model.save(module, str(directory), signatures=served.signatures)
