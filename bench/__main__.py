"""`python -m bench`. Nothing is imported before `main` has set the module search path."""


def main() -> None:
    """Run the command of the arguments."""
    import os  # noqa: PLC0415 - see above
    import sys  # noqa: PLC0415 - see above

    folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is not loaded yet
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(folder)  # noqa: PTH120 - replaces the current folder, which may contain an edge_agent
    from edge_agent.platform.import_path import exclude_current_folder  # noqa: PLC0415 - see above

    exclude_current_folder(folder)
    import logging  # noqa: PLC0415 - see above

    from bench.commands import commands  # noqa: PLC0415 - see above
    from edge_agent.errors import EdgeAgentError  # noqa: PLC0415 - see above

    logging.disable(logging.CRITICAL)  # faults are injected on purpose
    try:
        commands()
    except EdgeAgentError as error:
        sys.exit(f"bench: {error}")


if __name__ == "__main__":
    main()
