"""The `tf-pegasus` command: parses, calls the package, prints."""

import argparse
import json
import os
import sys
from dataclasses import fields
from pathlib import Path

from tqdm import tqdm

from tf_pegasus.bundled import bundled_model
from tf_pegasus.checkpoints.saving import FILE_DTYPES, MAX_SHARD_SIZE, WEIGHTS_FORMATS
from tf_pegasus.conversion import convert, describe
from tf_pegasus.corpora.debian import APT_LISTS, write_corpus
from tf_pegasus.data.readers import json_object, read_records
from tf_pegasus.evaluation.rouge import BASELINES, METRICS, rouge
from tf_pegasus.generation.generate import ENGINES
from tf_pegasus.serving.client import ADJUSTABLE, Client
from tf_pegasus.serving.export import EXPORT_ENGINES, MAX_TEXT_BYTES, export_saved_model
from tf_pegasus.serving.report import rouge_report, size_report
from tf_pegasus.serving.weights import WEIGHTS
from tf_pegasus.summarizer import Summarizer
from tf_pegasus.training.optimizers import OPTIMIZERS, SCHEDULES
from tf_pegasus.training.train import PRECISIONS, TrainingArguments, train
from tf_pegasus.utils.extras import require

STANDARD_INPUT = "-"


def main(argv=None):
    """Runs a command; returns 0, or 1 after one line on stderr that says what is wrong."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads the output has seen enough; the interpreter must not flush to it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, ValueError, TypeError, ImportError, RuntimeError) as error:
        print(f"tf-pegasus: error: {_one_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tf-pegasus: interrupted", file=sys.stderr)
        return 130
    return 0


def _one_line(error):
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def _parser():
    parser = argparse.ArgumentParser(
        prog="tf-pegasus", description="PEGASUS abstractive summarization on TensorFlow."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_summarize(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_export(commands)
    _add_client(commands)
    _add_beam_summarize(commands)
    _add_convert(commands)
    _add_info(commands)
    _add_corpus(commands)
    return parser


def _add_command(commands, name, run, description):
    command = commands.add_parser(
        name,
        help=description,
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    command.set_defaults(run=run)
    return command


def _add_model(command):
    command.add_argument(
        "--model", metavar="DIR", help="directory, or name on the hub; the bundled one if absent"
    )
    command.add_argument(
        "--revision", metavar="COMMIT", help="pins what a name on the hub stands for"
    )


def _add_running(command, batch_size):
    command.add_argument("--batch-size", type=int, default=batch_size, metavar="N")
    # A process that ends soon seldom earns back what XLA takes to compile.
    help_text = "xla is faster only after seconds of compiling for each length"
    command.add_argument("--engine", choices=ENGINES, default="graph", help=help_text)


def _add_generation(command):
    group = command.add_argument_group("generation (the model's own settings if absent)")
    group.add_argument("--num-beams", type=int, metavar="N", help="1 is greedy search")
    group.add_argument("--length-penalty", type=float, metavar="X")
    group.add_argument("--max-length", type=int, metavar="N", help="in tokens")
    group.add_argument("--min-length", type=int, metavar="N", help="in tokens")
    group.add_argument("--no-repeat-ngram-size", type=int, metavar="N")
    group.add_argument("--early-stopping", action="store_const", const=True)


_GENERATION = (
    "num_beams",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "early_stopping",
)


def _generation(arguments):
    return {name: getattr(arguments, name) for name in _GENERATION}


def _summarizer(arguments):
    if arguments.revision and not arguments.model:
        raise ValueError("--revision belongs to a --model that is a name on the hub")
    return Summarizer.from_pretrained(
        arguments.model or bundled_model(), revision=arguments.revision
    )


def _summaries(summarizer, documents, arguments, show_progress=True):
    hidden = not (show_progress and sys.stderr.isatty())
    with tqdm(total=len(documents), unit="doc", disable=hidden) as bar:
        return summarizer.summarize(
            documents,
            batch_size=arguments.batch_size,
            engine=arguments.engine,
            progress=bar.update,
            **_generation(arguments),
        )


# summarize


def _add_summarize(commands):
    command = _add_command(commands, "summarize", _summarize, "Summarize documents.")
    _add_documents(command)
    _add_model(command)
    _add_running(command, batch_size=8)
    _add_generation(command)


def _add_documents(command):
    command.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help=f"text file, one document each; {STANDARD_INPUT} is standard input",
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--lines", action="store_true", help="each line is a document")
    form.add_argument(
        "--jsonl",
        action="store_true",
        help="each line is a JSON object with a document; prints it with summary and score",
    )


def _summarize(arguments):
    records = _records(arguments)
    summarizer = _summarizer(arguments)
    documents = [record["document"] for _, record in records]
    summaries = _summaries(
        summarizer, documents, arguments, show_progress=len(documents) > arguments.batch_size
    )
    for (source, record), summary in zip(records, summaries, strict=True):
        if summary.tokens_dropped:
            _warn(
                f"{source}: the model reads {summarizer.max_source_length} tokens, the last "
                f"{summary.tokens_dropped} were dropped"
            )
        _print_summary(record, summary, arguments)


def _warn(message):
    print(f"tf-pegasus: warning: {message}", file=sys.stderr)


def _print_summary(record, summary, arguments):
    if arguments.jsonl:
        line = {**record, "summary": summary.text, "score": round(summary.score, 6)}
        print(json.dumps(line, ensure_ascii=False))
    else:
        print(summary.text.replace("\n", " "))


def _records(arguments):
    """Lists (where it stands, record) of each document of all files."""
    records = [r for file in arguments.files for r in _documents(file, arguments)]
    if not records:
        raise ValueError("there is no document to summarize")
    return records


def _documents(file, arguments):
    """Lists (where it stands, record) of each document in a file."""
    name = "standard input" if file == STANDARD_INPUT else file
    text = _read_text(file, name)
    if arguments.lines:
        documents = [(f"{name}, line {n}", {"document": line}) for n, line in _lines(text)]
    elif arguments.jsonl:
        documents = [
            (f"{name}, line {n}", _json_record(line, f"{name}, line {n}"))
            for n, line in _lines(text)
            if line.strip()
        ]
    else:
        documents = [(name, {"document": text})]
    for source, record in documents:
        if not record["document"].strip():
            raise ValueError(f"{source}: the text is empty")
    return documents


def _lines(text):
    # Not splitlines(): a document may hold other line separators, such as U+2028.
    return enumerate(text.removesuffix("\n").split("\n"), 1)


def _read_text(file, name):
    content = sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: not UTF-8 text (byte {error.start})") from error


def _json_record(line, source):
    record = json_object(line, source)
    if not isinstance(record.get("document"), str):
        raise ValueError(f"{source}: must be a JSON object with a string 'document'")
    return record


# train


def _add_train(commands):
    command = _add_command(
        commands, "train", _train, "Train or fine-tune a model; repeat the command to resume."
    )
    choices = {
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "precision": PRECISIONS,
        "weights_dtype": FILE_DTYPES,
    }
    metavars = {str: "PATH", int: "N", float: "X"}
    for field in fields(TrainingArguments):
        kind = next(t for t in (int, float, str) if t.__name__ in str(field.type))
        is_file = field.name.endswith(("_file", "_dir"))
        required = is_file and field.name != "vocab_file"
        command.add_argument(
            "--" + field.name.replace("_", "-"),
            type=kind,
            required=required,
            default=None if required else field.default,
            choices=choices.get(field.name),
            metavar=None if field.name in choices else metavars[kind],
            help=_TRAINING_HELP[field.name],
        )


_TRAINING_HELP = {
    "train_file": "JSONL or CSV with document and summary",
    "validation_file": "the same, to choose the best weights by",
    "output_dir": "directory for the model and the state of training",
    "model": "model directory to fine-tune; from scratch if absent",
    "vocab_file": "sentencepiece model; trained on the training file if absent",
    "vocab_size": "pieces of a vocabulary that is trained",
    "d_model": "width (from scratch)",
    "layers": "layers of encoder and decoder each (from scratch)",
    "heads": "attention heads (from scratch)",
    "ffn_dim": "feed-forward width (from scratch)",
    "max_source_length": "tokens of a document that are read",
    "max_target_length": "tokens of a summary that are learnt",
    "epochs": "passes over the training file",
    "batch_size": "examples a step",
    "eval_steps": "steps between validations; one pass if absent",
    "optimizer": "the paper uses adafactor",
    "learning_rate": "the peak",
    "schedule": "what follows the warm-up",
    "warmup_steps": "steps to reach the peak",
    "dropout": "probability",
    "label_smoothing": "share of the target spread over the vocabulary",
    "num_beams": "saved as the model's setting for generation",
    "length_penalty": "saved as the model's setting for generation",
    "precision": "Keras dtype policy",
    "weights_dtype": "of the saved weights",
    "seed": "of initialization, order and dropout",
}


def _train(arguments):
    names = [field.name for field in fields(TrainingArguments)]
    train(TrainingArguments(**{name: getattr(arguments, name) for name in names}))


# evaluate


def _add_evaluate(commands):
    command = _add_command(
        commands, "evaluate", _evaluate, "ROUGE of a model and of the lead baselines."
    )
    command.add_argument("file", metavar="FILE", help="JSONL or CSV with document and summary")
    _add_model(command)
    _add_running(command, batch_size=32)
    _add_generation(command)


def _evaluate(arguments):
    records = list(read_records(arguments.file))
    if not records:
        raise ValueError(f"{arguments.file}: there is no record")
    documents = [record["document"] for record in records]
    references = [record["summary"] for record in records]
    predictions = {name: list(map(cut, documents)) for name, cut in BASELINES.items()}
    summarizer = _summarizer(arguments)
    summaries = _summaries(summarizer, documents, arguments)
    predictions["model"] = [summary.text for summary in summaries]
    print(f"{len(records)} documents\n\n| | ROUGE-1 | ROUGE-2 | ROUGE-L |\n|---|---|---|---|")
    for name, texts in predictions.items():
        scores = rouge(texts, references)
        print(f"| {name} | " + " | ".join(f"{scores[metric]:.1f}" for metric in METRICS) + " |")


# export


def _add_export(commands):
    command = _add_command(
        commands,
        "export",
        _export,
        "Write a new version of a SavedModel from strings to summaries.",
    )
    command.add_argument("directory", metavar="DIR", help="of the versions: DIR/1, DIR/2, …")
    _add_model(command)
    command.add_argument("--engine", choices=EXPORT_ENGINES, default="xla")
    command.add_argument("--version", type=int, metavar="N", help="the next one if absent")
    command.add_argument("--weights", choices=WEIGHTS, help="the model's own if absent")
    for name, help_text in (
        ("batch", "batches that are computed; larger requests go in parts"),
        ("length", "tokens that documents are padded to; longer ones are cut"),
    ):
        command.add_argument(f"--{name}-buckets", type=int, nargs="+", metavar="N", help=help_text)
    command.add_argument(
        "--adjustable",
        action="store_true",
        help="requests may bring num_beams, max_length and length_penalty",
    )
    command.add_argument(
        "--max-text-bytes", type=int, default=MAX_TEXT_BYTES, metavar="N", help="the rest is cut"
    )
    command.add_argument(
        "--warmup",
        action=argparse.BooleanOptionalAction,
        help="requests that TF Serving replays before it serves; written if absent where the "
        "extra 'serving' is installed",
    )
    command.add_argument(
        "--evaluate",
        metavar="FILE",
        help="JSONL or CSV with document and summary: print what the export changes in ROUGE",
    )
    _add_generation(command)


def _export(arguments):
    summarizer = _summarizer(arguments)
    records = list(read_records(arguments.evaluate)) if arguments.evaluate else []
    path = export_saved_model(
        summarizer,
        arguments.directory,
        engine=arguments.engine,
        version=arguments.version,
        weights=arguments.weights,
        batch_buckets=arguments.batch_buckets,
        length_buckets=arguments.length_buckets,
        adjustable=arguments.adjustable,
        max_text_bytes=arguments.max_text_bytes,
        warmup=arguments.warmup,
        **_generation(arguments),
    )
    print(path)
    print(size_report(path, summarizer.model))
    if records:
        print(rouge_report(path, summarizer, records, **_generation(arguments)))


# client


def _add_client(commands):
    command = _add_command(
        commands, "client", _client, "Summarize documents with a server of an exported model."
    )
    command.add_argument(
        "--address",
        default="localhost:8500",
        metavar="HOST:PORT",
        help="gRPC; or http://HOST:PORT for REST",
    )
    command.add_argument("--model-name", default="tf_pegasus", metavar="NAME")
    command.add_argument("--model-version", type=int, metavar="N", help="the latest if absent")
    command.add_argument("--signature", default="serving_default", metavar="NAME")
    command.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS")
    command.add_argument("--retries", type=int, default=5, metavar="N")
    command.add_argument("--batch-size", type=int, default=16, metavar="N")
    _add_documents(command)
    group = command.add_argument_group("generation (of an export that is adjustable)")
    group.add_argument("--num-beams", type=int, metavar="N")
    group.add_argument("--max-length", type=int, metavar="N", help="in tokens")
    group.add_argument("--length-penalty", type=float, metavar="X")


def _client(arguments):
    records = _records(arguments)
    options = {name: getattr(arguments, name) for name in ADJUSTABLE}
    with Client(
        arguments.address,
        arguments.model_name,
        arguments.model_version,
        timeout=arguments.timeout,
        retries=arguments.retries,
        batch_size=arguments.batch_size,
    ) as client:
        documents = [record["document"] for _, record in records]
        summaries = client.summarize(documents, arguments.signature, **options)
    for (source, record), summary in zip(records, summaries, strict=True):
        if summary.truncated:
            _warn(f"{source}: the server read only the beginning")
        _print_summary(record, summary, arguments)


# beam-summarize


def _add_beam_summarize(commands):
    command = _add_command(
        commands,
        "beam-summarize",
        _beam_summarize,
        "Summarize files of any size with Apache Beam and an exported model.",
    )
    command.add_argument(
        "--input", required=True, metavar="PATTERN", help="JSONL files, such as 'docs-*.jsonl'"
    )
    command.add_argument(
        "--output",
        required=True,
        metavar="PREFIX",
        help="of PREFIX-00000-of-00001.jsonl and PREFIX-rejected-00000-of-00001.jsonl",
    )
    command.add_argument(
        "--saved-model", required=True, metavar="DIR", help="as the workers see it; see export"
    )
    command.add_argument("--signature", default="serving_default", metavar="NAME")
    command.add_argument("--num-shards", type=int, default=1, metavar="N", help="output files")
    command.add_argument(
        "beam_arguments",
        nargs="*",
        metavar="-- BEAM_ARGUMENT",
        help="Beam's own, such as -- --runner FlinkRunner --flink_master HOST:PORT",
    )


def _beam_summarize(arguments):
    require("apache_beam", "beam")
    # It makes classes of Beam's, which not everybody has.
    from tf_pegasus.serving.beam_summarize import summarize_files

    counts = summarize_files(
        arguments.input,
        arguments.output,
        arguments.saved_model,
        arguments.num_shards,
        arguments.signature,
        arguments.beam_arguments,
    )
    print(", ".join(f"{name} {count:,}" for name, count in counts.items()))


# convert and info


def _add_convert(commands):
    command = _add_command(
        commands, "convert", _convert, "Write a model's weights in another published format."
    )
    _add_source(command)
    command.add_argument("destination", metavar="DST", help="must not exist yet, or be empty")
    command.add_argument("--to", choices=WEIGHTS_FORMATS, default="safetensors")
    command.add_argument("--dtype", choices=FILE_DTYPES, help="the source's if absent")
    command.add_argument("--max-shard-size", default=MAX_SHARD_SIZE, metavar="SIZE")
    command.add_argument("--revision", help="of a repository on the hub")


def _convert(arguments):
    convert(
        arguments.source,
        arguments.destination,
        arguments.to,
        arguments.dtype,
        arguments.max_shard_size,
        revision=arguments.revision,
        **dict(arguments.config),
    )
    print(arguments.destination)


def _add_info(commands):
    command = _add_command(
        commands, "info", _info, "Configuration, parameter counts, files and dtypes of a model."
    )
    _add_source(command)


def _info(arguments):
    found = describe(arguments.source, **dict(arguments.config))
    print(f"format: {found.kind}")
    for name, size in found.files.items():
        print(f"file: {name}, {size:,} bytes")
    for dtype, count in found.dtypes.items():
        print(f"dtype: {dtype}, {count:,} parameters")
    for part, count in found.parameters.items():
        print(f"parameters: {part}, {count:,}")
    print(f"config: {json.dumps(found.config.to_dict(), indent=2, sort_keys=True)}")


def _add_source(command):
    command.add_argument(
        "source", metavar="SRC", help="directory, TF1 checkpoint prefix, or name on the hub"
    )
    command.add_argument(
        "--config",
        action="append",
        default=[],
        type=_config_value,
        metavar="NAME=VALUE",
        help="a value of the configuration to replace; may be repeated",
    )


def _config_value(text):
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


# corpus


def _add_corpus(commands):
    corpora = commands.add_parser("corpus", help="Make a training corpus.").add_subparsers(
        required=True, metavar="CORPUS"
    )
    command = _add_command(
        corpora, "debian", _corpus_debian, "Package descriptions and synopses, from apt's lists."
    )
    command.add_argument("directory", metavar="OUT_DIR", help="must not exist yet, or be empty")
    command.add_argument("--lists", default=APT_LISTS, metavar="DIR")
    command.add_argument("--held-out", type=int, default=2000, metavar="N", help="test documents")
    command.add_argument("--max-per-family", type=int, default=50, metavar="N")


def _corpus_debian(arguments):
    counts = write_corpus(
        arguments.directory, arguments.lists, arguments.held_out, arguments.max_per_family
    )
    print(", ".join(f"{name} {count:,}" for name, count in counts.items()))


if __name__ == "__main__":
    sys.exit(main())
