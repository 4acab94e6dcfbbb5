from __future__ import annotations


class Secret:
    """Text that shows in no repr, log or traceback unless it is asked for."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        # Libraries below name a header that they refuse, secret and all.
        if not text.isascii() or not text.isprintable():
            raise ValueError("a key or token has a character that no header can carry")
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"
