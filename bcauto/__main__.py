"""``python -m bcauto`` is the same as ``bcauto``."""

from bcauto.cli.app import main

if __name__ == "__main__":
    main()
