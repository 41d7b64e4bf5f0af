"""`python -m edge_agent` and the command `edge-agent`.

Nothing is imported before `main` runs: each worker process imports this module again, and needs none of it.
"""


def main() -> None:
    """Run the command line."""
    from edge_agent.cli import run_command_line  # noqa: PLC0415 - see above

    run_command_line()


if __name__ == "__main__":
    main()
