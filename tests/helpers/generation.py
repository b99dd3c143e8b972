"""Reading what a search returns."""

import numpy as np

EOS = 1
# The options that ask for a record of every step.
RECORDS = {
    "return_dict_in_generate": True,
    "output_scores": True,
    "output_logits": True,
    "output_attentions": True,
    "output_hidden_states": True,
}


def up_to_eos(rows):
    """The rows as lists, without the start token, cut behind the first eos.

    The reference implementation fills finished rows with eos where we fill with pad.
    """
    cut = []
    for row in np.asarray(rows)[:, 1:].tolist():
        cut.append(row[: row.index(EOS) + 1] if EOS in row else [i for i in row if i != 0])
    return cut
