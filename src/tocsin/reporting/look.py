"""What a picture looks like: colours, sizes and the settings of the drawing library."""

from __future__ import annotations

import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["COLOURS", "drawing"]

# Distinct for the common kinds of colour blindness (after Okabe and Ito, "Color Universal Design", 2008);
# form says the same as colour everywhere: a triangle's tip, a hatch, a dashed line.
COLOURS: Final[dict[str, str]] = {
    "paper": "#fefefe",
    "ink": "#1b2530",
    "soft": "#5a6673",
    "grid": "#e4e8ec",
    "line": "#1f5a8c",
    "band": "#b5d3ec",
    "up": "#d55e01",
    "down": "#8a3a8f",
    "incident": "#f2b134",
    "gap": "#c3c9d0",
    "label": "#04806a",
}

# Settings are the library's own, not those of a user's file: the same view, the same bytes.
_OURS: Final[dict[str, Any]] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.edgecolor": COLOURS["soft"],
    "axes.labelcolor": COLOURS["soft"],
    "axes.linewidth": 0.7,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": COLOURS["paper"],
    "axes.facecolor": "none",
    "hatch.linewidth": 0.5,
    "text.color": COLOURS["ink"],
    "text.parse_math": False,  # a name with two dollar signs is a name
    "xtick.color": COLOURS["soft"],
    "ytick.color": COLOURS["soft"],
    "svg.fonttype": "none",  # text stays text: it can be read aloud, searched and drawn in any script
    "svg.hashsalt": "tocsin",
    "svg.image_inline": True,
}

_LOCK = threading.Lock()  # the library's settings are one global dict


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with our settings; one thread at a time."""
    import matplotlib as mpl

    settings: dict[Any, Any] = {
        key: value
        for key, value in dict.items(mpl.rcParamsDefault)
        if not key.startswith(("backend", "toolbar", "interactive"))
    }
    settings.update(_OURS)
    with _LOCK, mpl.rc_context(settings), warnings.catch_warnings():
        # The font at hand has no glyph for some scripts and emoji: a box is drawn, which says so by itself.
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        yield
