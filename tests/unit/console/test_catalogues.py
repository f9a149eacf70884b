"""Both languages are complete, and no text stands outside the catalogues."""

from __future__ import annotations

import ast
import re
import string
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

import console
from chassis import contracts
from chassis.db.tables import metadata_of
from chassis.http.validation import CODES
from console.contracts import Model
from console.fields import Field
from console.i18n import LANGUAGES, Words, catalogue
from console.screen import columns, screens
from services.callcenter.app import SERVICE as callcenter
from services.finance.app import SERVICE as finance
from services.inventory.app import SERVICE as inventory
from services.orders.app import SERVICE as orders

ROOT = Path(console.__file__).parent
TEMPLATES = sorted((ROOT / "templates").glob("*.html"))
SOURCES = sorted({*ROOT.glob("*.py"), *ROOT.glob("static/*.js")} - {ROOT / "understand.py"})  # reads Chinese
CHINESE = re.compile(r"[\u3400-\u9fff\uff00-\uffef]")
OF_SERVICE = {(name, o.path.removeprefix("/api/v1")) for name in contracts.services() for o in contracts.operations(name)}
NOT_SHOWN = {"allowed_actions", "cursor", "format"}


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.of_contracts()


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_same_keys_and_same_placeholders() -> None:
    chinese, english = (catalogue(language) for language in LANGUAGES)
    assert set(chinese) == set(english)
    for key, text in chinese.items():
        assert text.strip() and english[key].strip(), key
        assert placeholders(text) == placeholders(english[key]), key


def test_each_catalogue_is_in_its_language() -> None:
    same_in_both = {"ui.languages.zh-CN", "ui.languages.en"}
    for key, text in catalogue("en").items():
        assert key in same_in_both or not CHINESE.search(text), key
    latin = [
        k for k, text in catalogue("zh-CN").items() if not CHINESE.search(text) and k not in same_in_both
    ]
    assert set(latin) <= {"ui.example.date", "ui.example.money", "ui.example.decimal", "ui.example.unit_cost",
                          "ui.example.phone", "enum.format.csv", "enum.format.json",
                          "enum.format.xlsx"}, latin  # fmt: skip


def shown(model: Model) -> Iterator[tuple[str, Field]]:
    def walk(name: str, fields: tuple[Field, ...]) -> Iterator[tuple[str, Field]]:
        for f in fields:
            yield name, f
            yield from walk(name, f.fields)

    for name, resource in model.resources.items():
        operations = [resource.list, resource.create, resource.get, resource.update]
        for operation in [*operations, *resource.actions.values(), *resource.parts.values()]:
            if operation:
                for fields in (operation.body, operation.answer, operation.query):
                    yield from walk(name, fields)


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_of_the_contracts_has_words(model: Model, language: str) -> None:
    words = Words(language)
    missing = set()
    for resource, f in shown(model):
        names = (f.name, re.sub("_(from|to)$", "", f.name))  # the ends of a range are named after their column
        if not any(words.has(f"field_of.{resource}.{name}") or words.has(f"field.{name}") for name in names):
            missing.add(f"field.{f.name}")
        for option in f.options if f.name not in NOT_SHOWN else ():
            if not (
                words.has(f"enum_of.{resource}.{f.name}.{option}") or words.has(f"enum.{f.name}.{option}")
            ):
                missing.add(f"enum.{f.name}.{option}")
    for name, resource in model.resources.items():
        missing |= {key for key in (f"resource.{name}", f"noun.{name}") if not words.has(key)}
        missing |= {f"action.{verb}" for verb in resource.actions if not words.has(f"action.{verb}")}
        missing |= {
            f"part.{part}"
            for part in resource.parts
            if not words.has(f"part.{part}") and not words.has(f"field.{part}")
        }
    missing |= {
        f"ui.group.{group}" for group in [*screens()["menu"], "more"] if not words.has(f"ui.group.{group}")
    }
    assert not missing, sorted(missing)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_right_has_words(language: str) -> None:
    words, unknown = Words(language), set()
    for service in contracts.services():
        for operation in contracts.operations(service):
            for parts in [right.split(".") for right in operation.rights]:
                if len(parts) != 3:
                    continue
                verb = (f"permission.verb.{parts[2]}", f"action.{parts[2].replace('_', '-')}")
                named = words.has(f"permission.noun.{parts[1]}") and any(words.has(key) for key in verb)
                unknown |= (
                    set() if named and words.has(f"permission.service.{parts[0]}") else {operation.permission}
                )
    assert not unknown


def field_codes() -> Iterator[tuple[str, str]]:
    """Every code that the sources put beside a field, and where: ``ValidationFailed.of(field, code)`` and ``{"field", "code"}``."""
    for source in sorted(p for folder in ("chassis", "gateway", "services") for p in (ROOT.parent / folder).rglob("*.py")):
        tree = ast.parse(source.read_text("utf-8"))
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            told: ast.expr | None = None
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "ValidationFailed.of":
                told = node.args[1]
            elif isinstance(node, ast.Dict):
                named = {key.value: value for key, value in zip(node.keys, node.values, strict=True) if isinstance(key, ast.Constant)}
                told = named.get("code") if "field" in named else None
            for part in ast.walk(told) if told else ():
                code = constants.get(part.id) if isinstance(part, ast.Name) else getattr(part, "value", None)
                leaf = (told.body, told.orelse) if isinstance(told, ast.IfExp) else (told,)
                if isinstance(code, str) and part in leaf:
                    yield code, source.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_beside_a_field_is_said_in_words(language: str) -> None:
    words = Words(language)
    codes = {*CODES.values(), *(code for code, _ in field_codes()), *contracts.errors()}
    assert {"phone_masked", "wrong_kind", "bad_name"} <= codes, "the search finds them"
    untold = {code for code in codes if words.wrong(code) == words("error.field.any")}
    assert not untold
    assert words.wrong("insufficient_stock") == contracts.errors()["insufficient_stock"][language[:2]]


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_on_a_list_shares_its_name(language: str, outside: bool) -> None:
    """Two filters, or two columns, of one name: nobody can tell which one narrows what."""
    words = Words(language)
    for name, resource in (Model.for_outside() if outside else Model.of_contracts()).resources.items():
        for fields in (resource.filters, columns(resource, language)):
            told = Counter(words.field(f.name, name) for f in fields)
            assert not [text for text, times in told.items() if times > 1], name


def test_what_has_few_values_says_them_in_the_contract(model: Model) -> None:
    """A column of a few codes (StrEnum) is an enum for the API too; else lists and filters show bare codes."""
    bare = set()
    for service in (orders, inventory, finance, callcenter):
        tables = metadata_of(service).tables
        few = {(t.name, c.name) for t in tables.values() for c in t.columns if getattr(c.type, "enum_class", None)}
        for name, resource in model.resources.items():
            operations = [o for o in (resource.list, resource.get) if o and (service.name, o.path) in OF_SERVICE]
            own = tables.get(name.replace("-", "_"))
            for f in (f for o in operations for f in (*o.answer, *o.query)):
                is_few = (own.name, f.name) in few if own is not None and f.name in own.columns else f.name in {c for _, c in few}
                bare |= {(name, f.name)} if is_few and f.kind not in ("enum", "choices") else set()
    assert not bare


USED = re.compile(r"""\bt(?:\.first)?\(\s*'([a-z][\w.-]*\.[\w.-]*)'(\s*~)?""")
LATER = re.compile(r"""'((?:ui|error|done|warning|resource|part|enum)\.[\w.-]*)'(\s*~)?""")
PYTHON = re.compile(r"""words(?:\.first)?\(\s*f?"((?:ui|error|done)\.[\w.]+)"[,)]""")


def test_every_text_that_is_used_exists() -> None:
    keys, missing = set(catalogue("en")), set()
    for file in [*TEMPLATES, *ROOT.glob("*.py")]:
        text = file.read_text("utf-8")
        found = (
            [*USED.findall(text), *LATER.findall(text)]
            if file.suffix == ".html"
            else [(k, "") for k in PYTHON.findall(text)]
        )
        for key, more in found:
            known = any(k.startswith(key) for k in keys) if more or key.endswith(".") else key in keys
            missing |= set() if known else {f"{file.name}: {key}"}
    assert not missing


class Texts(HTMLParser):
    """Words a template would show by itself."""

    SHOWN = {"title", "placeholder", "aria-label", "alt", "label"}

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.note(re.sub(r'[\w-]+="[^"]*"', "", data))  # attributes a macro puts together

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in self.SHOWN or (
                name == "content" and tag == "meta" and dict(attrs).get("name") == "description"
            ):
                self.note(value or "")

    def note(self, text: str) -> None:
        if re.search(r"[A-Za-z\u3400-\u9fff]{2,}", text):
            self.found.append(text.strip())


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_text(template: Path) -> None:
    plain = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", template.read_text("utf-8"), flags=re.DOTALL)
    texts = Texts()
    texts.feed(plain)
    assert not texts.found


def test_the_search_for_texts_finds_them() -> None:
    texts = Texts()
    texts.feed('<p>Hello <b title="Hint">1</b></p><input placeholder="搜索工单"><kbd>g</kbd>')
    assert texts.found == ["Hello", "Hint", "搜索工单"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_sources_hold_no_chinese_text(source: Path) -> None:
    code = re.sub(
        r'""".*?"""|^\s*#.*?$|\s//.*?$|/\*.*?\*/',
        "",
        source.read_text("utf-8"),
        flags=re.DOTALL | re.MULTILINE,
    )
    assert not CHINESE.search(code)


def test_formats_follow_the_language() -> None:
    chinese, english = Words("zh-CN"), Words("en")
    assert chinese.money("1234.5") == "¥1,234.50" and english.money("1234.5") == "CN¥1,234.50"
    assert english.amount("1234.5") == "1,234.50" and english.phone("+8613800138000") == "+86 138 0013 8000"
    assert english.exact("2026-11-05T01:30:00Z") == "2026-11-05 09:30"
    assert Words("en", "Europe/London").exact("2026-07-05T01:30:00Z") == "2026-07-05 02:30 BST"
    assert english.right("orders.work_order.hand_over") == ("Work order", "Hand over")
    assert chinese.right("*")[0] == "全部权限"
    rights = chinese.rights(["callcenter.consent.record", "callcenter.consent.read", "gateway.sign_in_device.approve"])
    told = {about: [may for _, may in found] for about, found in rights.items()}
    assert told == {"同意记录": ["登记", "查看"], "登录设备": ["批准设备"]}


def test_times_are_told_as_people_say_them() -> None:
    words = Words("en")
    now = words.moment("2026-11-05T10:00:00Z")
    for at, told in [("2026-11-05T09:59:40Z", "just now"), ("2026-11-05T09:40:00Z", "20 minutes ago"),
                     ("2026-11-04T08:00:00Z", "yesterday 16:00"), ("2026-11-01T08:00:00Z", "11-01 16:00"),
                     ("2025-11-01T08:00:00Z", "2025-11-01")]:  # fmt: skip
        assert words.ago(at, now) == told
