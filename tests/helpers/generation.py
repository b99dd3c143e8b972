"""Reads the results of a search."""

import numpy as np

EOS = 1
# The options that request per-step outputs.
RECORDS = {
    "return_dict_in_generate": True,
    "output_scores": True,
    "output_logits": True,
    "output_attentions": True,
    "output_hidden_states": True,
}


def up_to_eos(rows):
    """Returns the rows as lists, without the start token, cut after the first eos.

    The reference implementation fills finished rows with eos; this package fills them with pad.
    """
    cut = []
    for row in np.asarray(rows)[:, 1:].tolist():
        cut.append(row[: row.index(EOS) + 1] if EOS in row else [i for i in row if i != 0])
    return cut


def up_to_end(rows, ends):
    """Returns the rows as lists, cut after the first id in `ends`, without padding.

    The reference fills finished rows with eos; this package fills them with pad.
    """
    cut = []
    for row in np.asarray(rows).tolist():
        places = [n for n, token in enumerate(row) if n and token in ends]
        row = row[: places[0] + 1] if places else row
        while row[-1] == 0 or (places == [] and row[-1] == EOS):
            row.pop()
        cut.append(row)
    return cut
