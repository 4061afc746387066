"""How a monitor names the files that somebody named on the command line."""

from __future__ import annotations

from pathlib import Path

__all__ = ["whole_path", "written_path"]


def whole_path(name: str | Path) -> Path:
    """Give the absolute path of a file or pattern, without `..`; links stay, as they may lead on later.

    >>> whole_path("/srv/shop/../data/*.log")
    PosixPath('/srv/data/*.log')
    """
    path = Path(name).absolute()
    whole = Path(path.anchor)
    for part in path.parts[1:]:
        if part != "..":
            whole /= part
        else:  # up from a link is up from where it leads
            whole = (whole.resolve() if whole.is_symlink() else whole).parent
    return whole


def written_path(name: str | Path, folder: Path) -> str:
    """Give the path of a file or pattern as the files of a project name it.

    It is relative to the project's folder when it is in there, so that the project can be moved, and when a
    relative path leads to something beside that folder. All else is absolute.

    Args:
        name: As it was written on the command line.
        folder: The project's folder, absolute.

    Examples:
        >>> shop = Path.cwd() / "shop"
        >>> written_path(shop / "data" / "a.csv", shop), written_path("data/../a.csv", shop)
        ('data/a.csv', '../a.csv')
        >>> written_path("/var/log/../log/app.log*", shop)
        '/var/log/app.log*'
    """
    whole = whole_path(name)
    if whole.is_relative_to(folder):
        return str(whole.relative_to(folder))
    if not Path(name).is_absolute() and whole.is_relative_to(folder.parent):
        return str(Path("..") / whole.relative_to(folder.parent))
    return str(whole)
