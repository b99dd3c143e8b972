"""Entry point of `tf-pegasus` and `python -m tf_pegasus`."""

import sys


def main():
    """Runs the command line; returns the exit code."""
    # Imported here, so that an interrupt during the import is also reported.
    try:
        from tf_pegasus.cli.main import main as run

        return run()
    except KeyboardInterrupt:
        print("tf-pegasus: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
