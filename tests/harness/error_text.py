"""What a traceback shows: of an error, and of all that led to it."""

from __future__ import annotations


def whole_text(error: BaseException) -> str:
    """What a traceback of ``error`` would show of it and of what led to it, and their attributes."""
    texts = []
    each: BaseException | None = error
    while each is not None:
        texts.append(f"{each} {each!r} {each.args} {vars(each)}")
        each = each.__cause__ or each.__context__
    return "\n".join(texts)
