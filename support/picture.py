"""What every picture has: its style, and how it is shown and saved."""

import warnings
from io import BytesIO

import numpy as np
from matplotlib import rc_context, rcParamsDefault
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave

# Colours from Okabe & Ito (2008), which stay distinct under colour blindness.
BLUE, ORANGE = "#0072B2", "#D55E00"
STYLE = {
    # Matplotlib's own settings, so that the user's do not show; the backend is left to the user.
    **{name: value for name, value in rcParamsDefault.items() if name != "backend"},
    "font.size": 15,
    "axes.labelsize": 17,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 2,
    "legend.frameon": False,
    "mathtext.default": "regular",
    "pdf.fonttype": 42,                 # TrueType, which publishers ask for
}


class Picture(Figure):
    """A Figure that a notebook shows by itself."""

    @rc_context(STYLE)
    def save(self, file, kind="png", dpi=110):
        """Write it to a path or an open binary file, as png of so many dots per inch, or as pdf."""
        self.set_dpi(dpi)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from")  # of a column's name
            if kind == "pdf":           # without the time, the same bytes each time
                return self.savefig(file, format=kind, metadata={"CreationDate": None})
            canvas = FigureCanvasAgg(self)              # savefig would draw twice, for the layout
            canvas.draw()
        # 16 levels of each colour, from 0 to 255 again, make half the bytes of 256.
        imsave(file, np.asarray(canvas.buffer_rgba()) // 16 * 17, format="png", dpi=dpi)

    def _repr_png_(self):
        content = BytesIO()
        self.save(content)
        return content.getvalue()
