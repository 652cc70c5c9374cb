"""Dates, times and numbers in Punjabi: one format for each kind, in pages, emails and the admin."""

from site_config.formats.en.formats import *  # noqa: F403  (dates and times are the same)

MONTH_DAY_FORMAT = "j F"
THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = (3, 2, 0)  # 12,34,567
