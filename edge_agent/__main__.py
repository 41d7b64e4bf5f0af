"""`python -m edge_agent` and the command `edge-agent`.

Nothing is imported before `main` runs: each worker process imports this module again, and needs none of it.
"""


def main() -> None:
    """Run the command line; the question that a container asks every half minute costs no more than its answer."""
    import os  # noqa: PLC0415 - see above
    import sys  # noqa: PLC0415 - see above

    from edge_agent.platform.import_path import exclude_current_folder  # noqa: PLC0415 - see above

    exclude_current_folder(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - before any import
    if sys.argv[1:] == ["healthcheck"]:
        from edge_agent.platform.heartbeat_file import check, is_named, runtime_folder  # noqa: PLC0415 - see above

        sys.exit(check(runtime_folder(), named=is_named()) or 0)
    from edge_agent.platform.exit_limit import EXIT_LIMIT  # noqa: PLC0415 - see above

    EXIT_LIMIT.start()
    from edge_agent.cli import run_command_line  # noqa: PLC0415 - see above

    run_command_line()


if __name__ == "__main__":
    main()
