"""Checks what is in a source distribution and a wheel: python tools/package_contents.py FILES"""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

IN_BOTH = (
    r"tf_pegasus/py\.typed",
    *(
        rf"tf_pegasus/{package}__init__\.pyi"
        for package in ("", "data/", "evaluation/", "serving/")
    ),
)
MODEL = ("config.json", "generation_config.json", "model.safetensors", "spiece.model")
IN_SOURCE = (
    *IN_BOTH,
    *(rf"saved_models/debian-synopsis/{name}" for name in MODEL),
    *(r"LICENSE", r"CHANGELOG\.md", r"README\.md", r"SECURITY\.md", r"CONTRIBUTING\.md"),
    *(r"setup\.cfg", r"pyproject\.toml", r"samples/article\.txt", r"docs/serving\.md"),
)
IN_WHEEL = (
    *IN_BOTH,
    *(rf"tf_pegasus/saved_models/debian-synopsis/{name}" for name in MODEL),
    r"tf_pegasus-.*\.dist-info/licenses/LICENSE",
    r"tf_pegasus-.*\.dist-info/entry_points\.txt",
)
# `tf_pegasus/saved_models` is where the wheel has the model.
OURS = r"tf_pegasus(-[^/]*\.dist-info)?/.*"
NOT_IN_SOURCE = r"(tests|tools|benchmarks|notebooks|\.ci|dist|build|corpus|runs|\.venv.*)/.*"


def names_in(path):
    """The names of the files in a distribution, those of a source distribution without its top."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return {name for name in wheel.namelist() if not name.endswith("/")}
    with tarfile.open(path) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()}


def problems(path, modules):
    """Lists what is wrong with a distribution; `modules` are the package's files."""
    names = names_in(path)
    is_wheel = path.suffix == ".whl"
    wanted = IN_WHEEL if is_wheel else IN_SOURCE
    found = [f"{p} is missing" for p in wanted if not any(re.fullmatch(p, n) for n in names)]
    found += [f"{module} is missing" for module in sorted(modules - names)]
    for name in sorted(names):
        if not re.fullmatch(OURS, name) if is_wheel else re.fullmatch(NOT_IN_SOURCE, name):
            found.append(f"{name} does not belong there")
        if "__pycache__" in name:
            found.append(f"{name} was compiled")
    return found


def main(paths):
    listed = subprocess.run(
        ["git", "ls-files", "tf_pegasus"], capture_output=True, text=True, check=True
    )
    modules = set(listed.stdout.split())
    failed = False
    for path in map(Path, paths):
        found = problems(path, modules)
        failed = failed or bool(found)
        for problem in found:
            print(f"{path.name}: {problem}", file=sys.stderr)
        print(f"{path.name}: {len(names_in(path))} files, {path.stat().st_size:,} bytes")
    return 1 if failed or len(paths) != 2 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
