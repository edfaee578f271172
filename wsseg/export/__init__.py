"""Export of a run's masks to the formats of other tools."""
