"""Writes tests/goldens/gap-sentences.json: which sentences the authors' own C++ code selects.

    git clone https://github.com/google-research/pegasus
    python tools/goldens/make_gap_sentence_goldens.py pegasus

Compiles `pegasus/ops/rouge.cc` and `sentence_selection.cc` with g++ against the headers of Abseil
in an installed TensorFlow (2.21; any environment that runs the tests). What they include of
Google's own libraries is replaced by a few lines; names of types that such libraries define are
replaced by the standard ones. The hash of n-grams is another one, which decides nothing.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

OUTPUT = Path(__file__).parents[2] / "tests" / "goldens" / "gap-sentences.json"
WORDS = ["fox", "dog", "Dog", "the", "a", "time", "3.5", "naïve", "狐", "reads", "of", "Quick"]
ENDS = [". ", "! ", "?\n", "... ", " .  ", ".\u3000", ""]
STOP_WORDS = ["the", "of", "3"]
CASES = 240

STANDARD_TYPES = {
    "unsigned long long_t": "unsigned long long",
    "int64,": "int64_t,",
    "int32 ": "int ",
}
HEADERS = {
    "strings/split.h": "",
    "util/hash/fingerprint2011.h": """
        #include <string>
        inline unsigned long long Fingerprint2011(const std::string& s) {
          return std::hash<std::string>()(s);
        }""",
    "glog/logging.h": """
        #include <cassert>
        #define CHECK_GE(a, b) assert((a) >= (b))""",
    "tensorflow/core/platform/env.h": """
        #include <fstream>
        #include <sstream>
        namespace tensorflow {
        struct Env { static Env* Default() { return nullptr; } };
        inline bool ReadFileToString(Env*, const std::string& path, std::string* content) {
          std::stringstream read;
          read << std::ifstream(path).rdbuf();
          *content = read.str();
          return true;
        }
        }
        using tensorflow::ReadFileToString;
        #define TF_CHECK_OK(value) (value)""",
}
INCLUDED = ("algorithm", "cstdint", "deque", "functional", "memory", "random", "string", "vector")
# A case a line: strategy, ratio, n-gram size, metric, counting, file of stop words, candidates;
# then the sentences, each behind the character 2, with 1 for a line break.
MAIN = r"""
#include <iostream>
#include <sstream>
#include "pegasus/ops/sentence_selection.h"
using namespace pegasus;
int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream head(line.substr(0, line.find('\2')));
    std::string strategy, metric, counting, stops, text;
    float ratio; int size, candidates;
    head >> strategy >> ratio >> size >> metric >> counting >> stops >> candidates;
    std::vector<std::string> sentences;
    for (size_t at = line.find('\2'); at != std::string::npos;) {
      size_t next = line.find('\2', at + 1);
      std::string one = line.substr(at + 1, next == std::string::npos ? next : next - at - 1);
      for (char& c : one) if (c == '\1') c = '\n';
      sentences.push_back(one);
      text += one;
      at = next;
    }
    MetricType type = metric == "precision" ? ROUGE_PRECISION
                      : metric == "recall" ? ROUGE_RECALL : ROUGE_F;
    RougeComputeOption option = counting == "deduplicate" ? ROUGE_OPTION_DEDUPLICATE
                                : counting == "log" ? ROUGE_OPTION_LOG : ROUGE_OPTION_STANDARD;
    auto rouge = std::make_unique<RougeDistance>(size, type, stops == "-" ? "" : stops, option);
    std::vector<int> found;
    if (strategy == "lead") {
      found = GetSentenceIndicesByLead(sentences, ratio);
    } else if (strategy == "ind") {
      found = GetSentenceIndicesByRouge(sentences, text, rouge, ratio);
    } else if (strategy == "continuous") {
      found = GetSentenceIndicesByContinuousRouge(sentences, text, rouge, ratio);
    } else {
      if (sentences.size() > candidates) sentences.resize(candidates);
      found = GetSentenceIndicesByGreedyRouge(sentences, text, rouge, ratio);
    }
    for (int index : found) std::cout << index << ' ';
    std::cout << '\n';
  }
}
"""


def draw_case(random):
    """Returns a document of few different words, and how to select its sentences."""
    count = int(random.choice([1, 2, 3, 5, 8, 13, 40]))
    sentences = []
    for number in range(count):
        words = random.choice(WORDS, int(random.integers(1, 8)))
        end = str(random.choice(ENDS[:-2])) if number < count - 1 else str(random.choice(ENDS))
        sentences.append(" ".join(words) + end)
    return {
        "strategy": str(random.choice(["lead", "ind", "seq", "continuous"])),
        "ratio": float(random.choice([0.1, 0.29, 0.3, 0.33, 0.45, 0.7, 1.0])),
        "size": int(random.integers(1, 4)),
        "metric": str(random.choice(["precision", "recall", "fmeasure"])),
        "counting": str(random.choice(["standard", "deduplicate", "log"])),
        "stop_words": STOP_WORDS if random.integers(2) else [],
        "candidates": int(random.choice([5, 30])),
        "sentences": sentences,
    }


def as_line(case, stop_words):
    head = [case[name] for name in ("strategy", "ratio", "size", "metric", "counting")]
    head += [stop_words if case["stop_words"] else "-", case["candidates"]]
    sentences = "".join("\2" + sentence.replace("\n", "\1") for sentence in case["sentences"])
    return " ".join(map(str, head)) + sentences


def compiled(repository, directory):
    """Returns the path of the program."""
    for name, content in {**HEADERS, "main.cc": MAIN}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(("#pragma once\n" if name.endswith(".h") else "") + content)
    operations = directory / "pegasus" / "ops"
    operations.mkdir(parents=True)
    for name in ("rouge.cc", "rouge.h", "sentence_selection.cc", "sentence_selection.h"):
        content = (repository / "pegasus" / "ops" / name).read_text()
        for theirs, standard in STANDARD_TYPES.items():
            content = content.replace(theirs, standard)
        (operations / name).write_text(content)
    libraries = Path(tf.sysconfig.get_lib())
    command = ["g++", "-std=c++20", "-O1", f"-I{directory}", f"-I{tf.sysconfig.get_include()}"]
    command += [part for name in INCLUDED for part in ("-include", name)]
    command += [str(directory / "main.cc"), *map(str, sorted(operations.glob("*.cc")))]
    command += [str(libraries / f"libtensorflow_{name}.so.2") for name in ("cc", "framework")]
    command += [f"-Wl,-rpath,{libraries}", "-o", str(directory / "select")]
    subprocess.run(command, check=True)
    return directory / "select"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("repository", type=Path, help="a clone of google-research/pegasus")
    repository = parser.parse_args().repository
    random = np.random.default_rng(0)
    cases = [draw_case(random) for _ in range(CASES)]
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        stop_words = directory / "stop_words"
        stop_words.write_text("\n".join(STOP_WORDS))
        lines = [as_line(case, stop_words) for case in cases]
        program = compiled(repository, directory)
        result = subprocess.run(
            [program], input="\n".join(lines) + "\n", check=True, capture_output=True, text=True
        )
    answers = result.stdout.splitlines()
    for case, answer in zip(cases, answers, strict=True):
        case["selected"] = [int(index) for index in answer.split()]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    OUTPUT.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{len(cases)} cases in {OUTPUT}")


if __name__ == "__main__":
    main()
