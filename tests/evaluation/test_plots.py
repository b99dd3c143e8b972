import base64
import xml.etree.ElementTree

import numpy as np

from tf_pegasus.evaluation.plots import distributions_plot, lengths_plot, systems_plot

METRICS = {"rouge1": "ROUGE-1", "rougeL": "ROUGE-L"}


def svg(address):
    kind, _, content = address.partition(",")
    assert kind == "data:image/svg+xml;base64"
    return xml.etree.ElementTree.fromstring(base64.b64decode(content))


def test_plots_are_images_with_the_same_bytes_again():
    scores = np.array([0.0, 50.0, 100.0])
    system = {m: {"fmeasure": {"mean": 50.0, "low": 40.0, "high": 70.0}} for m in METRICS}
    for plot, arguments in (
        (systems_plot, ({"$a_b$ <c>": system, "model": system}, METRICS)),
        (distributions_plot, (dict.fromkeys(METRICS.values(), scores),)),
        (lengths_plot, ({"reference": scores, "model": np.zeros(3)},)),
    ):
        assert svg(plot(*arguments)).tag.endswith("svg")
        assert plot(*arguments) == plot(*arguments)


def test_lengths_without_a_word():
    svg(lengths_plot({"reference": np.zeros(1), "model": np.zeros(1)}))
