"""Words of the console: one YAML catalogue per language, and numbers, money and times by locale.

Catalogues are nested; a key is the path with dots (``ui.sign_in``). Labels of contract members are looked up
from the
closest to the widest key (``field_of.work-orders.number``, ``field.number``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
import yaml
from babel import Locale, dates, numbers

from chassis import contracts
from chassis.http.problems import language_of

LANGUAGES = ("zh-CN", "en")
FOLDER = Path(__file__).parent / "locale"
ZONE = "Asia/Shanghai"
T = TypeVar("T")


def _flat(node: Any, prefix: str = "") -> dict[str, str]:
    if not isinstance(node, dict):
        return {prefix: str(node)}
    out: dict[str, str] = {}
    for key, child in node.items():
        out |= _flat(child, f"{prefix}.{key}" if prefix else str(key))
    return out


@cache
def catalogue(language: str) -> dict[str, str]:
    """All texts of one language by their dotted keys; what contracts call the values of their sets (``x-values``) among them."""
    values = {f"enum.{key}": word for key, word in contracts.words_of_values(language[:2]).items()}
    return values | _flat(yaml.safe_load((FOLDER / f"{language}.yaml").read_text("utf-8")))


def preferred(accept_language: str | None) -> str:
    """The language a browser asks for, as long as its user has not chosen one."""
    asked = language_of(accept_language)
    return next(one for one in LANGUAGES if one.startswith(asked))


@cache
def zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or ZONE)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(ZONE)


class Words:
    """Texts and formats of one language; ``zone_name`` is where times are shown."""

    def __init__(self, language: str, zone_name: str = ZONE) -> None:
        self.language = language if language in LANGUAGES else LANGUAGES[0]
        self.locale = Locale.parse(self.language, sep="-")
        self.zone = zone(zone_name)
        self._texts = catalogue(self.language)

    def __call__(self, key: str, **values: Any) -> str:
        return self.first(key, **values)

    def has(self, key: str) -> bool:
        return key in self._texts

    def first(self, *keys: str, **values: Any) -> str:
        """The text of the first key that has one; without any, the last word of the last key, readable."""
        text = next((self._texts[key] for key in keys if key in self._texts), None)
        if text is None:
            text = keys[-1].rsplit(".", 1)[-1].replace("_", " ").replace("-", " ")
        return text.format(**values) if values else text

    def field(self, name: str, resource: str = "") -> str:
        stem, _, end = name.rpartition("_")
        if end in ("from", "to") and not self.has(f"field.{name}"):
            return self(f"ui.range.{end}", what=self.field(stem, resource))
        return self.first(f"field_of.{resource}.{name}", f"field.{name}", f"field.{name.removesuffix('_id')}")

    def option(self, name: str, value: Any, resource: str = "") -> str:
        """Label of an enum's value."""
        key = "empty" if value in (None, "") else str(value)
        return self.first(f"enum_of.{resource}.{name}.{key}", f"enum.{name}.{key}", f"enum.any.{key}")

    def wrong(self, code: str) -> str:
        """What is wrong with an input: in the console's own words, else by the title that the API gives the code."""
        title = contracts.errors().get(code, {}).get(self.language[:2], self("error.field.any"))
        return self._texts.get(f"error.field.{code}", title)

    def action(self, verb: str, resource: str = "") -> str:
        return self.first(f"action_of.{resource}.{verb}", f"action.{verb}")

    def right(self, pattern: str) -> tuple[str, str]:
        """A right in words: what it is about, and what it lets one do there; ``*`` stands for everything from there on."""
        words = [w for w in pattern.split(".") if w != "*"]
        if len(words) < 2:
            return self(f"permission.service.{words[0]}" if words else "permission.all"), self("permission.all")
        about, verb = self(f"permission.noun.{words[1]}"), "".join(words[2:])
        if not verb:
            return about, self("permission.all")
        resource, action = f"{words[1]}s".replace("_", "-"), verb.replace("_", "-")
        return about, self.first(f"permission.verb.{verb}", f"action_of.{resource}.{action}", f"action.{action}")

    def rights(self, patterns: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
        """Rights by what they are about: pattern and what it lets one do."""
        found: dict[str, list[tuple[str, str]]] = {}
        for pattern in patterns:
            about, may = self.right(pattern)
            found.setdefault(about, []).append((pattern, may))
        return found

    def hint(self, name: str, resource: str = "") -> str:
        return self._texts.get(f"hint_of.{resource}.{name}", self._texts.get(f"hint.{name}", ""))

    def money(self, value: Any, currency: str = "CNY") -> str:
        amount = decimal(value)
        return str(value) if amount is None else numbers.format_currency(amount, currency, locale=self.locale)

    def amount(self, value: Any) -> str:
        """Money in a table whose currency is said elsewhere."""
        amount = decimal(value)
        return (
            str(value) if amount is None else numbers.format_decimal(amount, "#,##0.00", locale=self.locale)
        )

    def number(self, value: Any) -> str:
        amount = decimal(value)
        return str(value) if amount is None else numbers.format_decimal(amount, locale=self.locale, decimal_quantization=False)

    def cost(self, value: Any) -> str:
        """The cost of one unit: all its decimals, two at least."""
        amount = decimal(value)
        return (
            str(value)
            if amount is None
            else numbers.format_decimal(amount, "#,##0.00", locale=self.locale, decimal_quantization=False)
        )

    @staticmethod
    def phone(value: Any) -> str:
        """An E.164 number in groups, as people read it; one shown in part stays as it is."""
        if "*" in str(value):
            return str(value)
        try:
            parsed = phonenumbers.parse(str(value))
        except phonenumbers.NumberParseException:
            return str(value)
        return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)

    def day(self, value: Any) -> str:
        """A date without a time: shown whole, never relative."""
        parsed = value if isinstance(value, date) else _parsed(date.fromisoformat, value)
        return str(value) if parsed is None else parsed.isoformat()

    def exact(self, value: Any) -> str:
        """A moment to the minute in the zone, with the zone's offset where it is not the usual one."""
        moment = self.moment(value)
        if moment is None:
            return str(value)
        shown = moment.astimezone(self.zone)
        offset = "" if self.zone.key == ZONE else shown.strftime(" %Z")
        return shown.strftime("%Y-%m-%d %H:%M") + offset

    def ago(self, value: Any, now: datetime | None = None) -> str:
        """A moment as people say it: minutes and hours near by, then day and time, then the date."""
        moment = self.moment(value)
        if moment is None:
            return str(value)
        now = now or datetime.now(UTC)
        distance = moment - now
        if abs(distance) < timedelta(seconds=45):
            return self("ui.time.now")
        if abs(distance) < timedelta(hours=22):
            return dates.format_timedelta(distance, add_direction=True, locale=self.locale, threshold=0.95)
        shown, today = moment.astimezone(self.zone), now.astimezone(self.zone).date()
        days = (shown.date() - today).days
        for offset, key in ((-1, "yesterday"), (0, "today"), (1, "tomorrow")):
            if days == offset:
                return f"{self(f'ui.time.{key}')} {shown:%H:%M}"
        return shown.strftime("%m-%d %H:%M" if shown.year == today.year else "%Y-%m-%d")

    @staticmethod
    def moment(value: Any) -> datetime | None:
        found = value if isinstance(value, datetime) else _parsed(datetime.fromisoformat, value)
        return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


def decimal(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _parsed(parse: Callable[[str], T], value: Any) -> T | None:
    try:
        return parse(str(value))
    except ValueError:
        return None
