"""`python -m crm …`: every command of the program; `--help` says all."""

from crm.cli import main

main()
