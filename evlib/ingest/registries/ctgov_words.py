"""The words of a study of ClinicalTrials.gov's API, without reading the rest of it: so a query can be asked before a line is read in full."""

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from evlib.ingest.registries.common import Passed, Unwanted

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator


def passed(row: bytes, unwanted: Unwanted) -> Passed | None:
    """A line as ``Passed`` where it is a whole study, with a plain number, that is ``unwanted`` by its number and words; else None.

    What is no valid JSON, or has anything but texts where a query reads, is left to the reader: it tells the reason, or reads it still.
    """
    try:
        section = _decoder().validate_json(row)["protocolSection"]
    except ValueError:
        return None
    number = section["identificationModule"]["nctId"]
    if not re.fullmatch(r"NCT\d{8}", number, re.ASCII):
        return None
    return Passed(number, row) if unwanted(number, _words(section)) else None


def _words(section: dict[str, Any]) -> str:
    own, conditions, arms = (section.get(f"{name}Module") or {} for name in _MODULES)
    texts = [*own.values()]
    for several in conditions.values():
        texts += several or ()
    for several in arms.values():
        for one in several or ():
            texts += one.values()
    return "\n".join(filter(None, texts))


_MODULES = ("identification", "conditions", "armsInterventions")


@lru_cache
def _decoder() -> "SchemaValidator":
    """Decodes what ``evlib.base.query.FIELDS`` are made of (see ``ctgov.COLUMNS``), and checks that the rest is JSON."""
    from pydantic_core import SchemaValidator, core_schema

    def part(_needed: str = "", **fields: Any) -> Any:
        typed = {name: core_schema.typed_dict_field(field, required=name == _needed) for name, field in fields.items()}
        return core_schema.typed_dict_schema(typed)

    def some(one: Any) -> Any:
        return core_schema.nullable_schema(core_schema.list_schema(one))

    text = core_schema.nullable_schema(core_schema.str_schema(strict=True))
    number = core_schema.str_schema(strict=True)
    own = part("nctId", nctId=number, briefTitle=text, officialTitle=text, acronym=text)
    named, arm = part(type=text, name=text), part(label=text, description=text)
    section = part(
        "identificationModule",
        identificationModule=own,
        conditionsModule=core_schema.nullable_schema(part(conditions=some(text), keywords=some(text))),
        armsInterventionsModule=core_schema.nullable_schema(part(interventions=some(named), armGroups=some(arm))),
    )
    return SchemaValidator(part("protocolSection", protocolSection=section))
