"""Shell completion scripts of `tf-pegasus`."""

import argparse

import shtab

# Metavars of arguments that are completed with file names.
_FILES = ("FILE", "PATH", "PATTERN", "PREFIX")
_DIRECTORIES = ("DIR", "OUT_DIR", "SRC", "DST")


def completion_script(shell, options, commands):
    """Returns the script that completes commands, flags, choices and files.

    Args:
        shell: `"bash"`, `"zsh"` or `"tcsh"`.
        options: parser of the options before the command's name.
        commands: dict from name to module.
    """
    parser = argparse.ArgumentParser(prog="tf-pegasus", parents=[options])
    subparsers = parser.add_subparsers()
    for name, module in commands.items():
        command = subparsers.add_parser(
            name,
            parents=[module.build_parser(f"tf-pegasus {name}")],
            add_help=False,
            help=module.DESCRIPTION,
        )
        for action in command._actions:
            if action.metavar in _FILES:
                action.complete = shtab.FILE
            elif action.metavar in _DIRECTORIES:
                action.complete = shtab.DIRECTORY
    return shtab.complete(parser, shell)
