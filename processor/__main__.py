"""`python -m processor [run | migrate | check]`."""

from processor.main import main

if __name__ == "__main__":
    raise SystemExit(main())
