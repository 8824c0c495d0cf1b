"""``python -m labloom`` is ``labloom``."""

from labloom.cli import main

if __name__ == "__main__":
    main()
