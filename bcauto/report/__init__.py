"""The report of a study: one page, read from the study, which it never writes."""
