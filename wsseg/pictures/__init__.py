"""Pictures to look at: overlays, cut-outs, heat maps and strips."""
