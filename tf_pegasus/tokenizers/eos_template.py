"""Where the special tokens of a row are: eos follows the texts."""

from collections.abc import Sequence

from tf_pegasus.tokenizers.token_table import TokenTableMixin


class EosTemplateMixin(TokenTableMixin):
    """Adds eos to ids, and finds special tokens among them."""

    def build_inputs_with_special_tokens(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """Returns `X </s>`, or `A B </s>` for a pair."""
        return [*token_ids_0, *(token_ids_1 or ()), self.eos_token_id]

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """Returns 1, for eos."""
        return 1

    def get_special_tokens_mask(
        self,
        token_ids_0: Sequence[int],
        token_ids_1: Sequence[int] | None = None,
        already_has_special_tokens: bool = False,
    ) -> list[int]:
        """Returns 1 for each special id (except `<unk>`), 0 for others.

        Eos is appended to the ids first, unless they have it already.
        """
        special = self._special_ids - {self.unk_token_id}
        mask = [int(index in special) for index in (*token_ids_0, *(token_ids_1 or ()))]
        return mask if already_has_special_tokens else [*mask, 1]
