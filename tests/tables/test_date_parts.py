"""The parts of dates: the calendar's, before 1970 too, and alike for the same day or hour."""

import numpy as np

from chainrule.tables.preprocessing import _date_parts


def parts(*dates):
    seconds = np.array(dates, "datetime64[s]").astype(np.int64).astype(float)
    return _date_parts("d", seconds)


def test_the_last_day_of_a_year_before_1970_belongs_to_that_year_at_any_hour():
    found = parts("1918-12-31T00:00", "1918-12-31T23:00", "1974-12-31T23:00")
    for name in ("d: sin of the year", "d: cos of the year"):
        assert len(set(found[name])) == 1


def test_the_same_hour_and_the_same_weekday_are_the_same_numbers_in_every_year():
    found = parts("1905-03-05T07:31", "1999-03-07T07:31", "2090-03-05T07:31")
    for name, values in found.items():
        if name.endswith(("week", "day")):
            assert len(set(values)) == 1, name
