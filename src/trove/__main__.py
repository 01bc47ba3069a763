"""``python -m trove`` is the ``trove`` command."""

from trove.cli import main

if __name__ == "__main__":
    main()
