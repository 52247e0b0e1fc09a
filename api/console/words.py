"""Numbers and instants as the viewer writes them, in the program's time zone.

The words of the console are English; digits, separators and dates follow the browser's `Accept-Language`.
"""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_currency, format_decimal, get_currency_precision

_FALLBACK = Locale("en", "GB")
_LONGEST = 200


class Viewer:
    """Who looks: the locale of their browser, and the zone of the program they look at."""

    def __init__(self, accept_language: str, zone: str) -> None:
        self.locale = locale_of(accept_language[:_LONGEST])
        self.zone = zone
        self._zone = ZoneInfo(zone)

    def number(self, value: int) -> str:
        return format_decimal(value, locale=self.locale)

    def decimal(self, value: str) -> str:
        """A decimal, to two places."""
        return format_decimal(Decimal(value), format="#,##0.00", locale=self.locale)

    def points(self, value: int, scale: int = 0) -> str:
        """Points from their smallest unit."""
        pattern = "#,##0" + ("." + "0" * scale if scale else "")
        return format_decimal(Decimal(value).scaleb(-scale), format=pattern, locale=self.locale)

    def money(self, value: int, currency: str) -> str:
        """Money from its minor units."""
        amount = Decimal(value).scaleb(-get_currency_precision(currency))
        return format_currency(amount, currency, locale=self.locale)

    def signed(self, value: int, scale: int = 0) -> str:
        return ("+" if value > 0 else "") + self.points(value, scale)

    def day(self, at: datetime) -> str:
        return format_date(at.astimezone(self._zone), format="medium", locale=self.locale)

    def moment(self, at: datetime) -> str:
        return format_datetime(at, format="medium", tzinfo=self._zone, locale=self.locale)

    def clock(self, at: datetime) -> str:
        return format_time(at, format="short", tzinfo=self._zone, locale=self.locale)

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self._zone)

    def field(self, at: datetime) -> str:
        """The value of a date and time field."""
        return self.local(at).strftime("%Y-%m-%dT%H:%M:%S")

    def read_field(self, value: str) -> datetime:
        """An instant from a date and time field, which is local; with an offset, it is what it says."""
        found = datetime.fromisoformat(value)
        return found if found.tzinfo else found.replace(tzinfo=self._zone)


@lru_cache(maxsize=1_000)
def locale_of(accept_language: str) -> Locale:
    """The first language that is asked for and known, by weight.

    >>> str(locale_of("xx, de-CH;q=0.8, en;q=0.5"))
    'de_CH'
    """
    asked = []
    for number, part in enumerate(accept_language.split(",")):
        name, _, weight = part.partition(";")
        asked.append((-_weight(weight), number, name.strip()))
    for _, _, name in sorted(asked):
        for tag in (name, name.partition("-")[0]):
            try:
                return Locale.parse(tag, sep="-")
            except (ValueError, UnknownLocaleError):
                continue
    return _FALLBACK


def _weight(text: str) -> Decimal:
    name, _, value = text.strip().partition("=")
    if name != "q" or not value.replace(".", "", 1).isdigit() or not value.isascii():
        return Decimal(1)
    return Decimal(value)
