"""`tf-pegasus evaluate`."""

import argparse
import functools

from tf_pegasus.cli import messages
from tf_pegasus.cli.models import check_model, load_summarizer
from tf_pegasus.cli.parser import (
    GENERATION_OPTIONS,
    add_generation,
    add_model,
    add_running,
    command_parser,
    generation_options,
)
from tf_pegasus.cli.progress import progress_bar

DESCRIPTION = "Score a model or its summaries, and compare with baselines."


def build_parser(prog):
    parser = command_parser(prog, DESCRIPTION)
    parser.add_argument(
        "file", metavar="FILE", help="JSONL, CSV, Parquet or TFRecord with document and summary"
    )
    add_model(parser)
    parser.add_argument(
        "--predictions",
        metavar="FILE",
        help="score these summaries instead of a model's: JSONL or CSV with prediction, or text "
        "with one per line",
    )
    parser.add_argument(
        "--output-dir",
        metavar="DIR",
        help="new directory for predictions.jsonl, metrics.json and report.html",
    )
    for name in ("document", "summary"):
        parser.add_argument(
            f"--{name}-column", metavar="NAME", help=f"column with it; {name} if absent"
        )
    parser.add_argument(
        "--attention-example",
        type=int,
        metavar="N",
        help="record, from 0, whose cross-attention the report shows; the first if absent",
    )
    parser.add_argument("--max-samples", type=int, metavar="N", help="read only N records")
    add_running(parser, batch_size=32)
    scores = parser.add_argument_group("scores")
    scores.add_argument(
        "--rouge-tokenizer",
        choices=("unicode", "rouge-score"),
        default="unicode",
        help="rouge-score's own knows only ASCII letters",
    )
    scores.add_argument(
        "--stemmer",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="compare stems of English words",
    )
    scores.add_argument(
        "--split-sentences",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="ROUGE-Lsum compares sentences, else lines",
    )
    scores.add_argument(
        "--bleu-tokenizer",
        default="13a",
        metavar="NAME",
        help="sacrebleu's; char for languages without spaces",
    )
    scores.add_argument(
        "--bootstrap-samples", type=int, default=1000, metavar="N", help="for the 95%% intervals"
    )
    scores.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of intervals and random baseline"
    )
    add_generation(parser)
    return parser


def run(arguments):
    from tf_pegasus.evaluation.evaluator import evaluate
    from tf_pegasus.evaluation.tables import markdown, measures_table, rouge_table

    options = generation_options(arguments)
    check_model(arguments)
    settings = {
        "output_dir": arguments.output_dir,
        "document_column": arguments.document_column,
        "summary_column": arguments.summary_column,
        "max_samples": arguments.max_samples,
        "tokenizer": arguments.rouge_tokenizer,
        "stemmer": arguments.stemmer,
        "split_sentences": arguments.split_sentences,
        "bleu_tokenizer": arguments.bleu_tokenizer,
        "bootstrap_samples": arguments.bootstrap_samples,
        "seed": arguments.seed,
    }
    with progress_bar() as bar:
        if arguments.predictions:
            _check_no_model_flags(arguments)
            metrics = evaluate(arguments.file, predictions=arguments.predictions, **settings)
        else:
            metrics = evaluate(
                arguments.file,
                LazySummarizer(arguments),
                batch_size=arguments.batch_size,
                engine=arguments.engine,
                progress=bar.update,
                attention_example=arguments.attention_example,
                **settings,
                **options,
            )
    for count, problem in (
        (metrics["truncated_documents"], "were too long and were truncated"),
        (metrics["failed_documents"], "could not be summarized, their summaries count as empty"),
    ):
        if count:
            messages.warn(f"{count} of {metrics['documents']} documents {problem}")
    print(f"{metrics['documents']} documents; ROUGE is F1 with its 95 % interval\n")
    print(markdown(rouge_table(metrics["systems"])))
    print()
    print(markdown(measures_table(metrics["systems"])))


class LazySummarizer:
    """The `Summarizer` that the arguments name, loaded when it is first used."""

    def __init__(self, arguments):
        self._arguments = arguments

    @functools.cached_property
    def summarizer(self):
        return load_summarizer(self._arguments)

    def __getattr__(self, name):
        return getattr(self.summarizer, name)

    def stream(self, texts, **options):
        return self.summarizer.stream(texts, **options)


def _check_no_model_flags(arguments):
    parser = build_parser("")
    for name in (
        "model",
        "revision",
        "batch_size",
        "engine",
        "attention_example",
        *GENERATION_OPTIONS,
    ):
        if getattr(arguments, name) != parser.get_default(name):
            flag = "--" + name.replace("_", "-")
            raise ValueError(f"{flag} has no effect with --predictions: remove one of them")
