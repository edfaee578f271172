"""Names of files and categories, which may be any text: how they are shown, and how they are paired."""

import unicodedata
from pathlib import PurePath


def escape_unprintable(text: str) -> str:
    """The text with what is not printable escape_unprintable, lest a name steers a terminal or looks like another."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def nfc(name: str) -> str:
    """The name with letters and their marks as one (NFC), since macOS and archives made there take them apart."""
    return unicodedata.normalize("NFC", name)


def pair_key(path: PurePath) -> str:
    """What a relative path is paired by: itself without suffix, its letters nfc."""
    return nfc(path.with_suffix("").as_posix())
