"""Streamers, which get the tokens of `generate` while it runs.

A streamer is any object with the methods `put(tokens)` and `end()`.
"""

import queue
import unicodedata
from typing import Any

import numpy as np


class TextStreamer:
    """Prints an output word by word, as soon as each word is complete.

    Args:
        tokenizer: `PegasusTokenizer`.
        skip_prompt: bool, leave out the beginning of the output that was given to `generate`.
        **decode_kwargs: arguments of `tokenizer.decode`, such as `skip_special_tokens`.

    Example:
        >>> streamer = TextStreamer(model.tokenizer, skip_special_tokens=True)
        >>> model.generate(input_ids, num_beams=1, streamer=streamer)
    """

    def __init__(self, tokenizer: Any, skip_prompt: bool = False, **decode_kwargs: Any):
        self.tokenizer = tokenizer
        self.skip_prompt = skip_prompt
        self.decode_kwargs = decode_kwargs
        self._restart()

    def _restart(self):
        self._tokens: list[int] = []
        self._delivered = 0
        self._is_prompt = True

    def put(self, value: np.ndarray) -> None:
        """Takes the prompt, int `(1, length)`, or the next token, `(1,)`.

        Raises:
            ValueError: if there are several outputs.
        """
        if len(value) != 1:
            raise ValueError(
                f"{type(self).__name__} takes one output, got {len(value)}: generate them one by "
                "one, or write a streamer of your own"
            )
        is_prompt, self._is_prompt = self._is_prompt, False
        if is_prompt and self.skip_prompt:
            return
        self._tokens += np.ravel(value).tolist()
        text = self._text()
        # The next token may belong to the last word; scripts without case, such as Chinese, have
        # no spaces between words.
        is_complete = text and unicodedata.category(text[-1]) == "Lo"
        end = len(text) if is_complete else 1 + max(map(text.rfind, (" ", "\n")))
        self._deliver(text, max(end, self._delivered))

    def end(self) -> None:
        """Delivers the rest of the text; the streamer can be used again then."""
        text = self._text()
        self._deliver(text, len(text), stream_end=True)
        self._restart()

    def _text(self):
        return self.tokenizer.decode(self._tokens, **self.decode_kwargs) if self._tokens else ""

    def _deliver(self, text, end, stream_end=False):
        new = text[self._delivered : end]
        self._delivered = end
        if new or stream_end:
            self.on_finalized_text(new, stream_end)

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Prints a part of the text, and at the end a newline."""
        print(text, end="\n" if stream_end else "", flush=True)


class TextIteratorStreamer(TextStreamer):
    """Iterates over the parts of an output that another thread generates.

    Args:
        tokenizer, skip_prompt, **decode_kwargs: see `TextStreamer`.
        timeout: float, seconds to wait for the next part; by default without limit.

    Raises:
        queue.Empty: from the iteration, after `timeout` seconds without a new part.

    Example:
        >>> streamer = TextIteratorStreamer(model.tokenizer, skip_special_tokens=True)
        >>> options = {"input_ids": input_ids, "num_beams": 1, "streamer": streamer}
        >>> threading.Thread(target=model.generate, kwargs=options).start()
        >>> for text in streamer:
        ...     print(text)
    """

    def __init__(
        self,
        tokenizer: Any,
        skip_prompt: bool = False,
        timeout: float | None = None,
        **decode_kwargs: Any,
    ):
        super().__init__(tokenizer, skip_prompt, **decode_kwargs)
        self.timeout = timeout
        self._parts: queue.Queue = queue.Queue()

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Adds a part of the text to the queue."""
        if text:
            self._parts.put(text)
        if stream_end:
            self._parts.put(None)

    def __iter__(self):
        return self

    def __next__(self) -> str:
        part = self._parts.get(timeout=self.timeout)
        if part is None:
            raise StopIteration
        return part
