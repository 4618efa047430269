"""Colours that the colour-blind can tell apart: ColorBrewer, Okabe and Ito, viridis."""

HOT_AND_COLD = {
    "99% hot": "#b2182b",
    "95% hot": "#ef8a62",
    "90% hot": "#fddbc7",
    "not significant": "#eeeeee",
    "90% cold": "#d1e5f0",
    "95% cold": "#67a9cf",
    "99% cold": "#2166ac",
}
# From the lowest score to the highest.
DIVERGING = ("#2166ac", "#67a9cf", "#d1e5f0", "#f7f7f7", "#fddbc7", "#ef8a62", "#b2182b")
RISING = ("#ffffd4", "#fed98e", "#fe9929", "#d95f0e", "#993404")
HEIGHTS = ("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725")
DISTINCT = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#5c5c5c")
CHOSEN, OTHER, NEW, NOTHING = "#2b7bba", "#eeeeee", "#d95f0e", "#ffffff"
LINE, BORDER, DARK = "#ffffff", "#6e6e6e", "#1a1a1a"
GREYS = ("#c9c9c9", "#d0d0d0", "#d7d7d7", "#dedede", "#e5e5e5", "#ececec", "#f3f3f3", "#fafafa")
PATTERNS = {
    "new hot": "#fee0d2",
    "consecutive hot": "#fcbba1",
    "intensifying hot": "#7f0010",
    "persistent hot": "#cb181d",
    "diminishing hot": "#fb6a4a",
    "sporadic hot": "#fc9272",
    "oscillating hot": "#d94801",
    "historical hot": "#e7c9c0",
    "none": "#eeeeee",
    "historical cold": "#c3cfe0",
    "oscillating cold": "#54278f",
    "sporadic cold": "#9ecae1",
    "diminishing cold": "#4292c6",
    "persistent cold": "#08519c",
    "intensifying cold": "#08306b",
    "consecutive cold": "#c6dbef",
    "new cold": "#deebf7",
}
