"""`python -m wsseg` is `wsseg`."""

from wsseg.cli.app import main

main()
