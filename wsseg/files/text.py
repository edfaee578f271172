"""Names of files and categories, which may be any text: how they are shown and compared; and counts in words."""

import unicodedata
from pathlib import PurePath


def escape_unprintable(text: str) -> str:
    """Return the text with unprintable characters escaped, so that a name cannot steer a terminal."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def counted(count: int, noun: str) -> str:
    """Return the count with the noun, in the plural unless there is one: `1 photo`, `3 photos`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def nfc(name: str) -> str:
    """Return the name with each letter and its marks as one character (NFC).

    macOS, and archives made there, store them apart.
    """
    return unicodedata.normalize("NFC", name)


def folded(name: str) -> str:
    """Return the name without case and Unicode form, which some file systems ignore."""
    return nfc(name.casefold())


def pair_key(path: PurePath) -> str:
    """Return the key that pairs relative paths: the path without suffix, in NFC."""
    return nfc(path.with_suffix("").as_posix())
