"""`python -m bench`. Nothing is imported before `main` knows where to look for modules."""


def main() -> None:
    """Run the command that the arguments name."""
    import os  # noqa: PLC0415 - see above
    import sys  # noqa: PLC0415 - see above

    folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is not loaded yet
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(folder)  # noqa: PTH120 - in place of the current folder, which may hold an edge_agent
    from edge_agent.platform.import_path import exclude_current_folder  # noqa: PLC0415 - see above

    exclude_current_folder(folder)
    import logging  # noqa: PLC0415 - see above

    from bench.commands import commands  # noqa: PLC0415 - see above

    logging.disable(logging.CRITICAL)  # what is broken on purpose is no news
    commands()


if __name__ == "__main__":
    main()
