"""One name for each country, of the many that registries write."""

import logging
from functools import cache

import pandas as pd
from country_converter import CountryConverter
from country_converter.country_converter import COUNTRY_DATA_FILE


@cache
def country_converter() -> CountryConverter:
    """The library's table of countries, loaded once; a name that it does not know is no warning."""
    # The library's own loading takes the code "NA" (Namibia) for a missing value under pandas 3.
    table = pd.read_csv(COUNTRY_DATA_FILE, sep="\t", encoding="utf-8", keep_default_na=False, na_values=[""])
    logging.getLogger("country_converter").setLevel(logging.CRITICAL)
    return CountryConverter(country_data=table)


@cache
def short_name(name: str) -> str:
    """The short English name of a country; a name that is not known, or means several, stays as it is.

    Examples
    --------
    >>> short_name("Korea, Republic of"), short_name("Atlantis")
    ('South Korea', 'Atlantis')
    """
    short = country_converter().convert(name, to="name_short", not_found=None)
    return short if isinstance(short, str) else name
