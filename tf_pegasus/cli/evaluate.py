"""`tf-pegasus evaluate`."""

from tf_pegasus.cli.models import check_model, load_summarizer
from tf_pegasus.cli.parser import (
    add_generation,
    add_model,
    add_running,
    command_parser,
    generation_options,
)
from tf_pegasus.cli.progress import progress_bar

DESCRIPTION = "Compute ROUGE of a model and of the lead baselines."


def build_parser(prog):
    parser = command_parser(prog, DESCRIPTION)
    parser.add_argument("file", metavar="FILE", help="JSONL or CSV with document and summary")
    add_model(parser)
    add_running(parser, batch_size=32)
    add_generation(parser)
    return parser


def run(arguments):
    from tf_pegasus.data.readers import read_records
    from tf_pegasus.evaluation.baselines import BASELINES
    from tf_pegasus.evaluation.rouge import METRICS, load_scorer, rouge

    options = generation_options(arguments)
    check_model(arguments)
    load_scorer()
    records = list(read_records(arguments.file))
    if not records:
        raise ValueError(f"{arguments.file}: there are no records")
    documents = [record["document"] for record in records]
    references = [record["summary"] for record in records]
    predictions = {name: list(map(cut, documents)) for name, cut in BASELINES.items()}
    summarizer = load_summarizer(arguments)
    with progress_bar(len(documents)) as bar:
        summaries = summarizer.summarize(
            documents,
            batch_size=arguments.batch_size,
            engine=arguments.engine,
            progress=bar.update,
            **options,
        )
    predictions["model"] = [summary.text for summary in summaries]
    print(f"{len(records)} documents\n\n| | ROUGE-1 | ROUGE-2 | ROUGE-L |\n|---|---|---|---|")
    for name, texts in predictions.items():
        scores = rouge(texts, references)
        print(f"| {name} | " + " | ".join(f"{scores[metric]:.1f}" for metric in METRICS) + " |")
