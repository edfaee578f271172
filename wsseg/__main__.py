"""`python -m wsseg` is `wsseg`."""

from wsseg.cli import main

main()
