"""The report: a page that shows a run."""
