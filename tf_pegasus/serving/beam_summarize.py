"""Summaries of files of any size, with Apache Beam as the engine.

Imports Beam, of the extra `beam`: to be imported where it is used.
"""

import json
import math
import os
from collections.abc import Iterable

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from apache_beam.ml.inference.base import ModelHandler, RunInference
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from tf_pegasus.data.readers import json_object
from tf_pegasus.serving.manifest import MANIFEST_FILE, version_directory
from tf_pegasus.serving.served_model import ServedModel
from tf_pegasus.utils.files import read_json_object

SUFFIX = ".jsonl"
REJECTED = "-rejected"
# Of how many largest buckets a batch is made: rows of like lengths are computed together.
_BUCKETS_A_BATCH = 4
# Bad rows are rejected before; that many failures mean that something else is wrong.
_FAILURES_ALLOWED = 0.1
# With these the workers are on this machine, and see the model where it is here.
_LOCAL_RUNNERS = (None, "DirectRunner", "BundleBasedDirectRunner", "PrismRunner")


class SummaryModelHandler(ModelHandler[dict, dict, ServedModel]):
    """Runs an exported model over records, for Beam's `RunInference`.

    Args:
        model: path of the SavedModel, or of its versions, as the workers see it.
        signature: str, one that returns a summary.
    """

    def __init__(self, model, signature="serving_default"):
        super().__init__()
        self._path = str(model)
        self._signature = signature

    def load_model(self):
        """Returns the `ServedModel`."""
        model = ServedModel(self._path)
        model.check_signature(self._signature)
        return model

    def run_inference(self, batch, model, inference_args=None) -> Iterable[dict]:
        """Yields each record with its `summary`, `score` and `truncated`."""
        answer = model.call(self._signature, text=[record["document"] for record in batch])
        rows = zip(batch, answer["summary"], answer["score"], answer["truncated"], strict=True)
        for record, summary, score, truncated in rows:
            yield {
                **record,
                "summary": summary.decode(),
                # JSON has no NaN.
                "score": round(float(score), 6) if math.isfinite(score) else None,
                "truncated": bool(truncated),
            }

    def batch_elements_kwargs(self):
        """Arguments of Beam's batching: a fixed number of records, fewer at the end."""
        # The buckets are in the manifest, which only the workers may be able to read.
        size = 16 * _BUCKETS_A_BATCH
        return {"min_batch_size": size, "max_batch_size": size}

    def get_metrics_namespace(self):
        """Returns the name that Beam's metrics of the inference go by."""
        return "tf_pegasus"


class ParseRecord(beam.DoFn):
    """Makes records of lines; what is none goes to the output `rejected`, with the reason."""

    def __init__(self):
        self._rejected = Metrics.counter("tf_pegasus", "rejected")

    def process(self, line):
        try:
            record = json_object(line.decode("utf-8"), "the line")
            document = record.get("document")
            if not isinstance(document, str):
                raise ValueError("the line must be a JSON object with a string 'document'")
            if not document.strip():
                raise ValueError("the document is blank")
            # What JSON can spell and UTF-8 cannot: half of a surrogate pair.
            document.encode("utf-8")
        except ValueError as error:
            self._rejected.inc()
            yield beam.pvalue.TaggedOutput("rejected", _rejection(line, error))
        else:
            yield record


def summarize_files(
    input_pattern, output_prefix, model, num_shards=1, signature="serving_default", arguments=()
):
    """Summarizes JSONL files: each line of the input is one line of the output or of the rejected.

    Output has the lines' objects with `summary`, `score` and `truncated`, in any order, in
    `<prefix>-00000-of-0000N.jsonl`; what cannot be summarized is in
    `<prefix>-rejected-00000-of-0000N.jsonl` as `{"line": …, "error": …}`. Files get their names
    when all is done: a run that was killed leaves none, and repeating it writes the same ones.
    Blank lines are no input.

    Args:
        input_pattern: path with wildcards; local, or with the scheme of a file system that Beam
            knows, such as `gs://`.
        output_prefix: path, likewise.
        model: path of the exported model, as the workers see it.
        num_shards: int, files that the output is divided into.
        signature: see `SummaryModelHandler`.
        arguments: Beam's own arguments, such as `["--runner", "FlinkRunner"]`.

    Returns:
        dict with the counts `summarized` and `rejected`.

    Raises:
        FileNotFoundError: no file matches, or there is no model.
        FileExistsError: there are files of a run with another number of shards.
        ValueError: an argument is out of range.
        RuntimeError: the pipeline failed.
    """
    if not isinstance(num_shards, int) or num_shards < 1:
        raise ValueError(f"num_shards={num_shards!r} must be an int of at least 1")
    input_pattern, output_prefix = _from_root(input_pattern), _from_root(output_prefix)
    if not FileSystems.match([input_pattern])[0].metadata_list:
        raise FileNotFoundError(f"no file matches {input_pattern!r}")
    _check_shards(output_prefix, num_shards)
    options = PipelineOptions(list(arguments))
    if options.view_as(StandardOptions).runner in _LOCAL_RUNNERS:
        _check_model(model, signature)
    pipeline = beam.Pipeline(options=options)
    lines = (
        pipeline
        | "read" >> beam.io.ReadFromText(input_pattern, coder=beam.coders.BytesCoder())
        | "leave out blank lines" >> beam.Filter(bytes.strip)
    )
    records, rejected = lines | "parse" >> beam.ParDo(ParseRecord()).with_outputs(
        "rejected", main="records"
    )
    # Spread over all workers, however few files there are.
    summarized, failed = (
        records
        | "spread" >> beam.Reshuffle()
        | "summarize"
        >> RunInference(SummaryModelHandler(model, signature)).with_exception_handling(
            threshold=_FAILURES_ALLOWED
        )
    )
    failures = failed.failed_inferences | "reject failures" >> beam.FlatMap(_failures)
    for name, rows, prefix in (
        ("summaries", summarized | "count" >> beam.Map(_counted), output_prefix),
        ("rejected", (rejected, failures) | beam.Flatten(), output_prefix + REJECTED),
    ):
        _ = (
            rows
            | f"to JSON: {name}" >> beam.Map(_as_line)
            | f"write: {name}"
            >> beam.io.WriteToText(prefix, file_name_suffix=SUFFIX, num_shards=num_shards)
        )
    result = pipeline.run()
    result.wait_until_finish()
    counters = result.metrics().query()["counters"]
    return {
        name: sum(c.result for c in counters if c.key.metric.name == name)
        for name in ("summarized", "rejected")
    }


def _check_model(model, signature):
    """Raises unless there is a model with that signature, before any worker starts.

    Raises:
        FileNotFoundError: there is no model.
        ValueError: it has no such signature.
    """
    manifest = read_json_object(version_directory(model) / MANIFEST_FILE)
    signatures = manifest.get("signatures", [signature])
    if signature not in signatures:
        raise ValueError(f"signature={signature!r} must be one of {', '.join(signatures)}")


def _from_root(path):
    """A path with its directory, if it is local: Beam matches no pattern without one."""
    path = os.fspath(path)
    # Not normalized: a prefix may end in a slash.
    return path if FileSystems.get_scheme(path) else os.path.join(os.getcwd(), path)


def _check_shards(prefix, num_shards):
    """Refuses to leave files of another division beside those that will be written."""
    for start in (prefix, prefix + REJECTED):
        pattern = f"{start}-?????-of-?????{SUFFIX}"
        for found in FileSystems.match([pattern])[0].metadata_list:
            if not found.path.endswith(f"-of-{num_shards:05d}{SUFFIX}"):
                raise FileExistsError(
                    f"{found.path!r} is of a run with another num_shards than {num_shards}: "
                    "remove its files, else its summaries would be there twice"
                )


def _counted(record):
    Metrics.counter("tf_pegasus", "summarized").inc()
    return record


def _failures(failure):
    """The records of a batch that failed, with the reason."""
    batch, error = failure
    for record in batch:
        Metrics.counter("tf_pegasus", "rejected").inc()
        yield _rejection(_as_line(record).encode(), error)


def _rejection(line, error):
    return {"line": line.decode("utf-8", "replace"), "error": str(error)}


def _as_line(record):
    # Escaped where UTF-8 has no form for it.
    text = json.dumps(record, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
