"""Summarizes files of any size with Apache Beam.

Importing this module imports Beam (extra `beam`), so import it only where it is used.
"""

import math
from collections.abc import Iterable

import apache_beam as beam
from apache_beam.ml.inference.base import ModelHandler, RunInference
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from tf_pegasus.data.beam_files import (
    as_json_line,
    check_shards,
    counter,
    counts,
    from_root,
    matching_files,
)
from tf_pegasus.data.jsonl import json_object
from tf_pegasus.serving.manifest import MANIFEST_FILE, version_directory
from tf_pegasus.serving.served_model import ServedModel
from tf_pegasus.utils.files import read_json_object

SUFFIX = ".jsonl"
REJECTED = "-rejected"
# Largest batch buckets per Beam batch: a larger batch lets rows of similar lengths run together.
_BUCKETS_PER_BATCH = 4
# Invalid rows are rejected earlier; a higher rate of failures means that something else is wrong.
_FAILURES_ALLOWED = 0.1
# With these runners the workers run on this machine and see the same files.
_LOCAL_RUNNERS = (None, "DirectRunner", "BundleBasedDirectRunner", "PrismRunner")


class SummaryModelHandler(ModelHandler[dict, dict, ServedModel]):
    """Runs an exported model over records, for Beam's `RunInference`.

    Args:
        model: path of the SavedModel, or of the directory of its versions, as the workers see it.
        signature: str, a signature that returns one summary per text.
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
        """Returns the arguments of Beam's batching: a fixed size, except for the last batch."""
        # The export's buckets are in its manifest, which perhaps only the workers can read.
        size = 16 * _BUCKETS_PER_BATCH
        return {"min_batch_size": size, "max_batch_size": size}

    def get_metrics_namespace(self):
        """Returns the namespace of Beam's inference metrics."""
        return "tf_pegasus"


class ParseRecord(beam.DoFn):
    """Parses lines to records; sends invalid lines to the output `rejected`, with the reason."""

    def __init__(self):
        self._rejected = counter("rejected")

    def process(self, line):
        try:
            record = json_object(line.decode("utf-8"), "the line")
            document = record.get("document")
            if not isinstance(document, str):
                raise ValueError("the line must be a JSON object with a string 'document'")
            if not document.strip():
                raise ValueError("the document is blank")
            # JSON can encode lone surrogates, UTF-8 cannot.
            document.encode("utf-8")
        except ValueError as error:
            self._rejected.inc()
            yield beam.pvalue.TaggedOutput("rejected", _rejection(line, error))
        else:
            yield record


def summarize_files(
    input_pattern, output_prefix, model, num_shards=1, signature="serving_default", arguments=()
):
    """Summarizes JSONL files; every input line becomes one output line or one rejected line.

    The output has the input objects with `summary`, `score` and `truncated` added, in any order,
    in `<prefix>-00000-of-0000N.jsonl`. Lines that cannot be summarized are written to
    `<prefix>-rejected-00000-of-0000N.jsonl` as `{"line": …, "error": …}`. Output files appear
    under their final names only when the pipeline has finished: a killed run leaves none, and
    repeating the run writes the same files. Blank lines are skipped.

    Args:
        input_pattern: path with wildcards, local or with the scheme of a file system that Beam
            supports, such as `gs://`.
        output_prefix: path, local or with a scheme, as above.
        model: path of the exported model, as the workers see it.
        num_shards: int, number of output files.
        signature: see `SummaryModelHandler`.
        arguments: Beam's own arguments, such as `["--runner", "FlinkRunner"]`.

    Returns:
        dict with the counts `summarized` and `rejected`.

    Raises:
        FileNotFoundError: if no file matches, or the model does not exist.
        FileExistsError: if files of a run with a different `num_shards` exist.
        ValueError: if an argument is out of range.
        RuntimeError: if the pipeline fails.
    """
    input_pattern, output_prefix = from_root(input_pattern), from_root(output_prefix)
    for prefix in (output_prefix, output_prefix + REJECTED):
        check_shards(prefix, SUFFIX, num_shards)
    matching_files(input_pattern)
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
    # Distributes the records over all workers, even if there are few files.
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
            | f"to JSON: {name}" >> beam.Map(as_json_line)
            | f"write: {name}"
            >> beam.io.WriteToText(prefix, file_name_suffix=SUFFIX, num_shards=num_shards)
        )
    result = pipeline.run()
    result.wait_until_finish()
    return counts(result, ("summarized", "rejected"))


def _check_model(model, signature):
    """Checks, before any worker starts, that the model exists and has the signature.

    Raises:
        FileNotFoundError: if the model does not exist.
        ValueError: if the model has no such signature.
    """
    manifest = read_json_object(version_directory(model) / MANIFEST_FILE)
    signatures = manifest.get("signatures", [signature])
    if signature not in signatures:
        raise ValueError(f"signature={signature!r} must be one of {', '.join(signatures)}")


def _counted(record):
    counter("summarized").inc()
    return record


def _failures(failure):
    """Yields the rejection of each record of a failed batch."""
    batch, error = failure
    for record in batch:
        counter("rejected").inc()
        yield _rejection(as_json_line(record).encode(), error)


def _rejection(line, error):
    return {"line": line.decode("utf-8", "replace"), "error": str(error)}
