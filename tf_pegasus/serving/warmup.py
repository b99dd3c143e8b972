"""Warm-up requests, which TF Serving replays before it serves, so that no user waits for XLA."""

import importlib.util

import tensorflow as tf

from tf_pegasus.utils.extras import require

# The file name that TF Serving looks for.
WARMUP_FILE = "tf_serving_warmup_requests"


def is_available():
    """Returns whether `tensorflow-serving-api` is installed."""
    return importlib.util.find_spec("tensorflow_serving") is not None


def write_warmup_requests(directory, tokenizer, buckets, engine, is_default):
    """Writes one request for each pair of buckets, and one for each of the other signatures.

    Args:
        directory: `Path` of `assets.extra`.
        tokenizer: `PegasusTokenizer`.
        buckets: `Buckets`.
        engine: str, of the signatures to warm up.
        is_default: bool, whether `serving_default` uses that engine; otherwise the engine is
            appended to the file's name, and TF Serving does not read it.

    Raises:
        ImportError: if `tensorflow-serving-api` is not installed.
    """
    suffix = "" if is_default else f"_{engine}"
    texts = [text_of(tokenizer, length) for length in buckets.length]
    requests = [
        ("serving_default" + suffix, {"text": [text] * batch})
        for batch in buckets.batch
        for text in texts
    ]
    requests.append(("summarize_n" + suffix, {"text": texts[:1]}))
    ids = [tokenizer.encode(texts[0])]
    requests.append(
        ("generate_ids" + suffix, {"input_ids": ids, "attention_mask": [[1] * len(ids[0])]})
    )
    if is_default:
        # These run without XLA, so one shape is enough.
        requests += [(name, {"text": texts[:1]}) for name in ("encode", "tokenize")]
        requests.append(("score", {"document": texts[:1], "summary": texts[:1]}))
    with tf.io.TFRecordWriter(str(directory / (WARMUP_FILE + suffix))) as writer:
        for signature, inputs in requests:
            writer.write(_record(signature, inputs))


def read_warmup_requests(path):
    """Yields the signature and a dict of tensors of each request in a file.

    Raises:
        ImportError: if `tensorflow-serving-api` is not installed.
        ValueError: if the file is damaged.
    """
    logs = require("tensorflow_serving.apis.prediction_log_pb2", "serving")
    try:
        for record in tf.data.TFRecordDataset(str(path)):
            request = logs.PredictionLog.FromString(record.numpy()).predict_log.request
            inputs = {name: tf.constant(tf.make_ndarray(v)) for name, v in request.inputs.items()}
            yield request.model_spec.signature_name, inputs
    except (tf.errors.DataLossError, tf.errors.NotFoundError) as error:
        raise ValueError(f"{str(path)!r} is not a file of requests: {error.message}") from error


def text_of(tokenizer, tokens):
    """Returns a text of `tokens` tokens, including eos, or slightly fewer if words do not fit."""
    low, high = 1, tokens
    while low < high:
        middle = (low + high + 1) // 2
        is_short = len(tokenizer.encode(_words(middle))) <= tokens
        low, high = (middle, high) if is_short else (low, middle - 1)
    return _words(low)


def _words(count):
    return " ".join(["a"] * count)


def _record(signature, inputs):
    predict = require("tensorflow_serving.apis.predict_pb2", "serving")
    logs = require("tensorflow_serving.apis.prediction_log_pb2", "serving")
    request = predict.PredictRequest()
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        dtype = tf.string if isinstance(value[0], str) else tf.int32
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value, dtype))
    log = logs.PredictionLog(predict_log=logs.PredictLog(request=request))
    return log.SerializeToString()
