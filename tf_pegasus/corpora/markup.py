"""Plain text from reStructuredText and Markdown, as docstrings and README files mix them."""

import re

_REPLACEMENTS = [
    (re.compile(pattern, re.DOTALL), replacement)
    for pattern, replacement in (
        (r"<!--.*?-->", ""),
        # Images, then links: [text](address), [text][name], `text <address>`_
        (r"!\[[^\]]*\]\s?(\([^)]*\)|\[[^\]]*\])", ""),
        (r"\[([^\]]+)\]\([^)\s]*(?:\s\"[^\"]*\")?\)", r"\1"),
        (r"\[([^\]]+)\]\[[^\]]*\]", r"\1"),
        (r"`([^`<]+?)\s*<[^>`]+>`_{1,2}", r"\1"),
        # Roles: :class:`~package.Name`, :py:func:`title <target>`
        (r":(?:\w+:)?[\w-]+:`~(?:[\w.]+\.)?([\w]+)`", r"\1"),
        (r":(?:\w+:)?[\w-]+:`!?([^`]+)`", r"\1"),
        (r"(?<![\w`])(`{1,2})([^`\n]+)\1_{0,2}(?!`)", r"\2"),
        (r"(?<![\w*\\])(\*{1,2})(?=\S)([^*\n]+?)(?<=\S)\1(?![\w*])", r"\2"),
        (r"\[([\w-]+)\]_", r""),
        (r"</?[a-zA-Z][^<>\n]*>", ""),
        (r"\\([*_`|<>\[\]])", r"\1"),
    )
]


def plain(text: str) -> str:
    """Returns a text without inline markup: roles, links, emphasis, literals, HTML tags."""
    for pattern, replacement in _REPLACEMENTS:
        text = pattern.sub(replacement, text)
    return text
