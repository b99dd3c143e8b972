"""`tf-pegasus train-vocab`."""

from pathlib import Path

from tf_pegasus.cli.parser import command_parser

DESCRIPTION = "Train a sentencepiece vocabulary on texts."
EPILOG = (
    "Files are .txt, .jsonl, .csv, .parquet or .tfrecord, compressed or not. PEGASUS reserves 103 "
    "more ids, which are not in the file."
)
_MEBIBYTE = 2**20


def build_parser(prog):
    parser = command_parser(prog, DESCRIPTION, EPILOG)
    parser.add_argument("files", nargs="+", metavar="FILE", help="texts")
    parser.add_argument("--output", required=True, metavar="FILE", help="spiece.model to write")
    parser.add_argument("--vocab-size", type=int, default=8000, metavar="N", help="pieces")
    parser.add_argument(
        "--columns",
        nargs="+",
        metavar="NAME",
        help="columns with texts; by default those of document, summary and text that are there",
    )
    parser.add_argument(
        "--newline-token",
        metavar="PIECE",
        help="piece that stands for a line break, such as '<n>' of the released models",
    )
    parser.add_argument(
        "--byte-fallback",
        action="store_true",
        help="write unknown characters as bytes, 256 of the pieces, instead of <unk>",
    )
    parser.add_argument(
        "--character-coverage",
        type=float,
        default=0.9995,
        metavar="X",
        help="share of the characters that become pieces; 1 for all",
    )
    parser.add_argument(
        "--sample",
        type=int,
        default=24,
        metavar="MB",
        help="train on random texts of so many MiB; needs twenty times as much memory",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the sample")
    return parser


def run(arguments):
    from tf_pegasus.data.text_sample import read_texts, sample_texts
    from tf_pegasus.tokenizers.vocabulary import train_vocabulary

    output = Path(arguments.output)
    if not output.parent.is_dir() or output.is_dir():
        raise ValueError(f"--output {arguments.output!r} must be a file in an existing directory")
    if arguments.sample < 1:
        raise ValueError(f"--sample {arguments.sample} must be at least 1")
    for file in arguments.files:
        if not Path(file).is_file():
            raise FileNotFoundError(f"{file!r}: no such file")
    texts = (text for file in arguments.files for text in read_texts(file, arguments.columns))
    sample = sample_texts(texts, arguments.sample * _MEBIBYTE, arguments.seed)
    if not sample:
        raise ValueError("there are no texts in the files")
    train_vocabulary(
        sample,
        output,
        arguments.vocab_size,
        arguments.newline_token,
        arguments.byte_fallback,
        arguments.character_coverage,
    )
    print(f"{output}: {arguments.vocab_size:,} pieces, from {len(sample):,} texts")
