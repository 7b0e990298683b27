"""`python -m catdog_api` is the command `catdog-api`."""

from catdog_api.cli import main

if __name__ == "__main__":
    main()
