"""Where this program, and every process that it starts, looks for modules: where they are installed, and in PYTHONPATH.

It imports nothing that is not loaded when Python starts: before `exclude_current_folder` has run, even a module of the
standard library may come from the current folder.
"""

import os
import sys


def exclude_current_folder(package: str) -> None:
    """Import nothing from the current folder or that of the script, here and in all processes that this one starts.

    `package` is the folder of the package that runs. What lies beside it can still be imported: a checkout that is not
    installed runs too.
    """
    _exclude_from_libraries()
    if sys.flags.safe_path:
        return  # multiprocessing passes the flag on, and the environment the variable
    if sys.flags.ignore_environment:
        os.execv(sys.executable, [sys.executable, "-P", *sys.orig_argv[1:]])  # noqa: S606 - this command again
    if os.environ.get("PYTHONSAFEPATH"):
        return  # it was called before
    os.environ["PYTHONSAFEPATH"] = "1"
    del sys.path[0]  # what Python puts there without a safe path
    root = os.path.dirname(package)  # noqa: PTH120 - pathlib is not loaded yet
    if root not in sys.path:
        sys.path.insert(0, root)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))


def _exclude_from_libraries() -> None:
    """Remove empty entries, which mean the current folder: OpenCV leaves one to all that its process starts."""
    if libraries := os.environ.get("LD_LIBRARY_PATH"):
        os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, libraries.split(os.pathsep)))


def python_command(*arguments: str) -> list[str]:
    """Return the command of a Python process that looks for modules where this one does."""
    if sys.flags.isolated:
        return [sys.executable, "-I", *arguments]
    flags = {"-E": sys.flags.ignore_environment, "-s": sys.flags.no_user_site}
    return [sys.executable, "-P", *(flag for flag, is_set in flags.items() if is_set), *arguments]
